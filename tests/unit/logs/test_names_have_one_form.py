"""Log events, facts and metric labels have one form, and one word for one thing."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from engram_discovery.metrics.definitions import GROUPS, MetricDefinition
from tests.support.log_events import Event, find_events

EVENTS = find_events()
DEFINITIONS = [definition for definitions in GROUPS.values() for definition in definitions]
PAGE = (Path(__file__).parents[3] / "docs/reference/logs.md").read_text()
#: The facts of each event on the reference page, which has those that the source binds beforehand, too.
DOCUMENTED = {
    name: set(re.findall(r"`(\w+)`", facts))
    for name, facts in re.findall(r"^\| `([a-z_.]+)` \| \w+ \| ([^|]*)\|", PAGE, re.MULTILINE)
}

#: What an event is about: a room, a value, or a provider.
AREAS = {
    "cluster",
    "consul",
    "discovery",
    "dns",
    "etcd",
    "health",
    "http",
    "join",
    "member",
    "membership",
    "node",
    "node_id",
    "peer_cache",
    "plugin",
    "registration",
    "settings",
    "static",
    "task",
}
#: The last word of an event is a past participle, an adjective of state, or a noun. Never a verb in the present.
PARTICIPLES = {
    "allowed",
    "authenticated",
    "crashed",
    "created",
    "deprecated",
    "detected",
    "died",
    "failed",
    "formed",
    "ignored",
    "joined",
    "leaked",
    "left",
    "lost",
    "missed",
    "reached",
    "recovered",
    "removed",
    "reset",
    "resolved",
    "skipped",
    "started",
    "stopped",
    "succeeded",
    "suspected",
    "unresolved",
    "updated",
}
ADJECTIVES = {
    "corrupt",
    "critical",
    "degraded",
    "ephemeral",
    "healthy",
    "partial",
    "ready",
    "unavailable",
    "unreadable",
}
NOUNS = {
    "call",
    "cluster",
    "clusters",
    "conflict",
    "deadlock",
    "name",
    "node",
    "port",
    "ports",
    "records",
    "warning",
}
#: Every key of a fact, with its one meaning.
FACTS = {
    "addr": "host:port of a node or client",
    "age_seconds": "age of the data in use",
    "alive": "members in state alive",
    "api_addr": "host:port of the HTTP API",
    "attempts": "attempts so far in this series of failures",
    "calls": "calls to a plugin so far",
    "cluster": "name of the cluster of this node",
    "connections": "open connections",
    "contacted": "endpoints that were contacted",
    "count": "number of the things that the event is about",
    "dead": "members in state dead",
    "duration_seconds": "how long a state or call lasted",
    "endpoint": "host:port as a provider gave it",
    "error": "what is wrong, in words",
    "exit_status": "exit status of the process",
    "expected": "the setting cluster.expected_size",
    "expires_in_seconds": "time until a lease expires",
    "explanation": "the explanation of joining, in words",
    "flips": "changes of status that were not logged",
    "generation": "generation of a node",
    "id": "id of one request",
    "joined": "endpoints that were joined",
    "kept": "last-known-good endpoints in use",
    "key": "key in a key-value store",
    "kind": "kind of failure, loss, gap or fault",
    "left": "members that left",
    "limit": "the limit that was reached",
    "live": "members in state alive or suspect",
    "moved_to": "path that a file was moved to",
    "name": "gossip name of a member",
    "node_id": "id of a node",
    "part": "part of the node",
    "path": "path of a file or request",
    "phase": "phase of joining",
    "plugin": "name of a plugin",
    "ports": "ports of a service",
    "previous_revision": "revision of etcd before",
    "previous_status": "status of the cluster before",
    "provider": "name of a provider",
    "remedy": "what to do",
    "repairs": "full reads so far that found missed changes",
    "restart_in_seconds": "time until a restart",
    "revision": "revision of etcd",
    "seed": "a seed as it is configured",
    "service": "name of a service at a provider",
    "state": "state of a registration",
    "status": "status of the cluster",
    "steps_down_in_seconds": "time until this node steps down",
    "suspect": "members in state suspect",
    "task": "name of a background task",
    "tasks": "leaked tasks of a plugin",
    "total": "number of all things of which others are counted",
    "ttl_seconds": "granted lifetime of a record",
}
#: Every metric label, with its one meaning; a label that is a fact as well has the meaning of the fact.
LABELS = {
    "check": "name of a health check",
    "cluster": FACTS["cluster"],
    "event": "name of a counter of the gossip engine",
    "kind": FACTS["kind"],
    "outcome": "outcome of an attempt",
    "phase": FACTS["phase"],
    "provider": FACTS["provider"],
    "state": "state of a member, plugin or registration",
    "status": "status of the cluster or of a health check",
    "version": "version of this package",
}
#: Words that must not become keys or labels, by the word in use.
SYNONYMS = {
    "address": "addr",
    "after": "duration_seconds",
    "after_seconds": "duration_seconds",
    "age": "age_seconds",
    "api": "api_addr",
    "before": "previous_status",
    "dropped": "count",
    "failed": "count",
    "failures": "attempts",
    "file": "path",
    "hint": "remedy",
    "keeping": "kept",
    "members": "total",
    "of": "total",
    "problem": "error",
    "reason": "kind",
    "records": "count",
    "result": "outcome",
    "retry": "remedy",
    "seconds": "duration_seconds",
    "source": "provider",
    "tries": "attempts",
    "ttl": "ttl_seconds",
    "waited": "duration_seconds",
    "warning": "error",
}


@pytest.mark.parametrize("name", sorted(EVENTS))
def test_an_event_is_an_area_and_what_happened(name: str) -> None:
    """``area.noun`` or ``area.past_participle``, in lower case."""
    area, _, rest = name.partition(".")

    assert re.fullmatch(r"[a-z]+(_[a-z]+)*", rest)
    assert area in AREAS
    assert rest.rpartition("_")[2] in PARTICIPLES | ADJECTIVES | NOUNS


@pytest.mark.parametrize("event", EVENTS.values(), ids=lambda event: event.name)
def test_a_fact_has_one_key(event: Event) -> None:
    """Each key is in the table, whether it is given at the call or bound beforehand."""
    keys = event.facts | DOCUMENTED[event.name]

    assert {key: SYNONYMS.get(key, "add it to the table") for key in keys - FACTS.keys()} == {}


@pytest.mark.parametrize("definition", DEFINITIONS, ids=lambda definition: definition.name)
def test_a_label_has_one_name(definition: MetricDefinition) -> None:
    """Each label is in the table, which shares its words with the facts."""
    labels = set(definition.labels)

    assert {label: SYNONYMS.get(label, "add it to the table") for label in labels - LABELS.keys()} == {}


def test_no_word_of_the_tables_is_unused_or_forbidden() -> None:
    """The tables stay as short as the events are: a word that is no longer used is deleted."""
    last_words = {name.rpartition(".")[2].rpartition("_")[2] for name in EVENTS}
    keys = set().union(*DOCUMENTED.values(), *(event.facts for event in EVENTS.values()))
    labels = {label for definition in DEFINITIONS for label in definition.labels}

    assert {name.partition(".")[0] for name in EVENTS} == AREAS
    assert last_words == PARTICIPLES | ADJECTIVES | NOUNS
    assert keys == FACTS.keys()
    assert labels == LABELS.keys()
    assert not SYNONYMS.keys() & (FACTS.keys() | LABELS.keys())
