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

#: Bytes of a settings file (ADR 11); that of a hundred nodes has a few thousand, so a larger file is the wrong one.
MAX_SETTINGS_FILE_SIZE = 1024 * 1024

#: Keys, tables and list elements of one file together: every file is read or refused within 0.2 s (ADR 11).
MAX_SETTINGS_PARTS = 10_000

#: Levels of nested tables and lists (ADR 11); deeper ones are refused before any recursion over them.
MAX_TABLE_DEPTH = 16

#: Problems of one kind that one table or list reports (ADR 11); the rest is counted. With more, the table is the error.
MAX_SIMILAR_PROBLEMS = 20

#: Bytes of a secret's file (ADR 12): a token, a password or a key; a larger file is the wrong one.
MAX_SECRET_SIZE = 64 * 1024

#: Seconds between two reads of a secret's file (ADR 12). A shorter interval costs reads; a longer one delays the use of
#: a rotated token.
SECRET_READ_INTERVAL = 10.0

#: Longest duration of a setting: a hundred years. Timers of the system and of libraries overflow beyond it.
MAX_DURATION = 36500 * 86400.0

#: Characters of a value in a message or table: enough for an address or a path, one line of a terminal.
MAX_SHOWN_LENGTH = 60

# --- host: loading plugins and calling hooks -----------------------------------------------------------------

#: Seconds for the import of a plugin or one hook. Hooks are cheap by contract; a cold import from a slow disk is not.
HOOK_TIMEOUT = 10.0

#: Objects that one hook may create: an end to a generator that never stops.
MAX_HOOK_RESULTS = 1000

#: Characters of an exception's message from a hook that are kept.
MAX_HOOK_MESSAGE_LENGTH = 300

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

#: Joins under way at once; each holds a thread of the engine.
MAX_CONCURRENT_JOINS = 16

#: Seconds after which an attempt counts as slow and no longer delays the next one (ADR 33), and seconds beyond the
#: deadline in which late answers are still taken.
SLOW_JOIN_AFTER = 1.0
JOIN_GRACE = 0.25

#: Seconds between two healing rounds while alone or in a minority; otherwise ``join.heal_interval`` holds.
URGENT_HEAL_INTERVAL = 10.0

#: Endpoints that one healing round contacts while other members are live: bounds the load of a large stale list.
HEAL_CONTACTS = 3

#: Seconds between two explanations in the log while members are missing, and between two checks whether one is due.
EXPLAIN_INTERVAL = 10.0
JOIN_CHECK_INTERVAL = 2.0

#: Seconds over which the members spread their first contact with a new endpoint, against a thundering herd.
NEW_ENDPOINT_SPREAD = 2.0

#: Endpoints that an explanation lists, in JSON and in text.
MAX_ENDPOINTS_IN_BODY = 1000
MAX_ENDPOINTS_IN_TEXT = 10

# --- membership: the gossip engine ---------------------------------------------------------------------------

#: Seconds between two exchanges of the whole view with another member, by profile (ADR 91). They repair what gossip
#: missed; with kinship's own 30 s and 60 s a node that starts with all others sometimes lacked one for half a minute.
PUSH_PULL_INTERVALS = {"lan": 10.0, "wan": 30.0, "local": 5.0}

#: Members that the engine accepts, events that it buffers, and inbound streams (from one address as well: nodes that
#: start together on one machine share it).
MAX_MEMBERS = 10_000
ENGINE_EVENT_BUFFER = 16_384
MAX_INBOUND_STREAMS = 512

#: Events that wait for one consumer; then the oldest are dropped and the consumer receives ``lost``.
MAX_QUEUED_EVENTS = 4096

#: Seconds for the engine to close its sockets and threads.
ENGINE_CLOSE_TIMEOUT = 2.0

# --- registration --------------------------------------------------------------------------------------------

#: Seconds between two reads of our own record (jittered by a fifth): how long a lost record stays unnoticed.
VERIFY_INTERVAL = 30.0

#: Longest back-off in seconds, so that the record is back within ten seconds of the registry; and the shortest wait
#: after an error that only an operator can mend (OPERATOR_RETRY_INTERVAL above).
MAX_REGISTRATION_BACKOFF = 8.0

#: Seconds between two verifications that a registrar's ``wait_for_change`` can cause.
CHANGE_VERIFY_INTERVAL = 1.0

# --- health --------------------------------------------------------------------------------------------------

#: Damping of a status that flaps around a threshold: so many changes are logged in so many checks each.
FLAPPING_CHANGES = 2
FLAPPING_CHECKS = 2

#: Seconds of history on the status page, seconds between two samples, and member events that are kept: a quarter of an
#: hour covers a rolling restart; 900 samples and 50 events cost about 100 kB.
HISTORY_LENGTH = 900.0
HISTORY_RESOLUTION = 1.0
MAX_MEMBER_EVENTS = 50

# --- node: start, node-id conflict, close --------------------------------------------------------------------

#: Seconds for which a newer run of this node id must be alive before this one steps down: a run that does not exist is
#: suspected within five (ADR 3).
CONFLICT_CONFIRM_TIME = 8.0

#: Seconds to resolve a host name in ``cluster.advertise``.
ADVERTISE_RESOLVE_TIMEOUT = 2.0

#: Seconds for the leave message to spread, and for one part of the node to close.
LEAVE_TIMEOUT = 2.0
CLOSE_TIMEOUT = 5.0

# --- http and metrics ----------------------------------------------------------------------------------------

#: Nodes in one body; more are left out and ``"truncated": true`` is set. A thousand take 0.3 MB.
MAX_BODY_NODES = 1000

#: Endpoints that are not joined on the status page.
MAX_STATUS_NOT_JOINED = 20

#: Limits of connections (ADR 84): seconds from one response to the next, and connections at once. A probe takes
#: milliseconds; 200 connections fit the file descriptors of any system.
CONNECTION_TIMEOUT = 10.0
MAX_CONNECTIONS = 200

#: Pending connections of the listening socket, seconds that an idle connection is kept (less than CONNECTION_TIMEOUT,
#: so that it ends with a response), and seconds for clients to read responses at close.
MAX_HTTP_BACKLOG = 128
HTTP_KEEP_ALIVE_TIMEOUT = 5
HTTP_CLOSE_TIMEOUT = 2

# --- cli -----------------------------------------------------------------------------------------------------

#: Seconds for a running node to respond to a command, and bytes that are read of its response: a body of 1,000 nodes
#: takes 0.3 MB, and a wrong address must not fill the memory.
NODE_REQUEST_TIMEOUT = 5.0
MAX_NODE_BODY_SIZE = 8 * 1024 * 1024

#: Seconds between two requests of ``--watch``: as often as the status page.
NODE_POLL_INTERVAL = 1.0

#: Seconds until ``run`` cancels a close again after a second signal; one cancellation skips one wait only.
CANCEL_RETRY_INTERVAL = 0.25

#: The demo: seconds between two requests to each node, for the nodes to form a cluster, for each step of the failure
#: detection, and for a process to stop. They are generous: a busy laptop must not make the demo fail.
DEMO_POLL_INTERVAL = 0.1
DEMO_FORMING_TIMEOUT = 30.0
DEMO_DETECTION_TIMEOUT = 60.0
DEMO_STOP_TIMEOUT = 10.0
