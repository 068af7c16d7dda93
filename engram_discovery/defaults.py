"""Every duration and limit of the host on one page, with the trade-off of each.

A value that an operator needs is a setting instead (``settings/models.py``), and its default stands there.
Durations are seconds, sizes are bytes unless the name says otherwise. The model of this page is memberlist's
``config.go``.
"""

from __future__ import annotations

# --- runtime: guarded calls, back-off, supervisors, failure log ----------------------------------------------

#: Seconds for one call to the outside: a discovery round, a registry request, a health check. Long enough for a
#: retransmitted packet and a slow server, short enough that a start with one dead source stays within its 5 s.
CALL_TIMEOUT = 5.0

#: Seconds in which a cancelled plugin call must end, twice; then it is abandoned and named (ADR 31). A close of a
#: socket fits; more would delay the shutdown of a node whose plugin ignores cancellation.
CANCEL_TIMEOUT = 1.0

#: Seconds that one step of a plugin may hold the event loop before ``plugin.blocking_call`` is logged. asyncio's
#: debug mode warns at 0.1; a quarter of a second is where probes of peers start to suffer.
SLOW_CALLBACK_DURATION = 0.25

#: Guarded calls after which a plugin is checked for leaked tasks for the first time, then at each power of two. Fewer
#: would suspect a plugin that keeps a few tasks by design.
LEAK_CHECK_CALLS = 64

#: Seconds that tasks have to end after ``aclose``; the contract suites wait as long (ADR 24).
TASK_LEAK_GRACE = 1.0

#: Characters of a plugin's message that are kept: the sentence of a server, not its whole HTML page.
MAX_PLUGIN_MESSAGE_LENGTH = 500

#: Seconds between two log lines about a failure that has lasted for as long. Powers of two before that keep the start
#: of an outage visible; five minutes afterwards keep ten minutes of outage below 30 lines.
FAILURE_LOG_INTERVAL = 300.0

#: First and longest back-off in seconds (doubled each time, jittered). Half a second after the first failure a restart
#: of a server is found soon; 30 s bound the load of a thousand nodes on a server that stays away.
BACKOFF_BASE = 0.25
MAX_BACKOFF = 30.0

#: Seconds to wait at most when a server asks for more (``Retry-After``): no server can silence a node for a day.
MAX_RETRY_AFTER = 3600.0

#: First and longest seconds before a crashed background task of this package is started again.
RESTART_INTERVAL = 1.0
MAX_RESTART_INTERVAL = 60.0

# --- network: resolver, probes -------------------------------------------------------------------------------

# --- settings: files, environment, secrets -------------------------------------------------------------------

# --- host: loading plugins and calling hooks -----------------------------------------------------------------

# --- sources: polling, watching, validation, peer cache ------------------------------------------------------

#: Longest seconds between two rounds of a working source; a shorter TTL wins, down to the next constant. Prometheus
#: refreshes DNS every 30 s, too.
REFRESH_INTERVAL = 30.0
MIN_REFRESH_INTERVAL = 1.0

#: Seconds between two full reads beside a watch: a watch is an optimisation, the full read bounds how long a missed
#: change stays unnoticed.
FULL_READ_INTERVAL = 300.0

#: Empty answers in a row before known endpoints are dropped: one proves nothing (ADR 30).
EMPTY_CONFIRMATIONS = 2

#: First and longest back-off before the first endpoints are found (ADR 90), and of a plugin that crashes.
EAGER_BACKOFF_BASE = 0.1
MAX_EAGER_BACKOFF = 5.0
CRASH_BACKOFF_BASE = 10.0
MAX_CRASH_BACKOFF = 300.0

#: Shortest seconds to the next try after an error that only an operator can mend, such as a denied token.
OPERATOR_RETRY_INTERVAL = 15.0

#: Crashes or timeouts in a row that open the circuit breaker of a plugin.
CIRCUIT_BREAKER_FAILURES = 5

#: Seconds to close a discoverer, and between two answers of a watch, so that an eager one cannot starve the loop.
SOURCE_CLOSE_TIMEOUT = 2.0
WATCH_INTERVAL = 0.05

#: Seconds after which an open watch counts as stable and its back-off starts anew.
WATCH_STABLE_AFTER = 10.0

#: Seconds between two changes that one subscriber receives.
CHANGE_INTERVAL = 1.0

#: In mode ``first``, seconds before the next source is called as well: a silent first source must not use up the start.
CHAIN_TIMEOUT = 1.0

#: Endpoints of one answer that are used: no cluster is larger, and a source must not exhaust the memory.
MAX_ENDPOINTS = 10_000

#: Characters of a reason or detail that are kept.
MAX_DETAIL_LENGTH = 200

#: Seconds between two writes of the peer cache, and for one read or write: a hanging mount must not delay a start.
CACHE_SAVE_INTERVAL = 5.0
DISK_TIMEOUT = 2.0

#: Bounds of the peer cache.
MAX_CACHED_PEERS = 1000
MAX_CACHE_FILE_SIZE = 1024 * 1024

# --- joining: fan-out, healing -------------------------------------------------------------------------------

# --- membership: the gossip engine ---------------------------------------------------------------------------

# --- registration --------------------------------------------------------------------------------------------

# --- health --------------------------------------------------------------------------------------------------

# --- node: start, node-id conflict, close --------------------------------------------------------------------

# --- http and metrics ----------------------------------------------------------------------------------------

# --- cli -----------------------------------------------------------------------------------------------------
