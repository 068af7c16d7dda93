"""Three real processes find each other, lose one, and get it back."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from tests.support.node_processes import Node, all_see, make_nodes, running, wait_until

ALIVE = {"n0": "alive", "n1": "alive", "n2": "alive"}


def member(node: Node, node_id: str) -> dict[str, Any]:
    answer = node.get("/cluster/nodes")
    assert answer
    return next(m for m in answer[1] if m["id"] == node_id)


def where(node: Node, node_id: str) -> tuple[str, str]:
    """Return state and address of another node in a node's view."""
    seen = member(node, node_id)
    return seen["state"], seen["addr"]


def test_a_killed_node_is_noticed_and_comes_back_as_itself(tmp_path: Path) -> None:
    """All see all; after SIGKILL the others see suspect, dead and degraded; restarted, it is alive under its old id."""
    nodes = make_nodes(tmp_path, 3)
    with running(nodes):
        wait_until(all_see(nodes, ALIVE), 20, "all three see three alive")
        survivors, victim = nodes[:2], nodes[2]
        before = member(survivors[0], "n2")
        healthy = [node.status() for node in nodes]

        victim.kill()
        wait_until(
            lambda: any(n.states()["n2"] == "suspect" for n in survivors), 20, "n2 is suspect somewhere"
        )
        wait_until(all_see(survivors, {**ALIVE, "n2": "dead"}), 30, "n2 is dead for both others")
        degraded = [node.status() for node in survivors]

        victim.start()
        wait_until(all_see(nodes, ALIVE), 20, "all three see three alive again")
        after = member(survivors[0], "n2")

        assert healthy == ["healthy"] * 3
        assert degraded == ["degraded"] * 2
        assert after["generation"] > before["generation"]
        assert [node.stop() for node in nodes] == [0, 0, 0]


def test_the_last_of_three_is_critical(tmp_path: Path) -> None:
    """Two of three killed: critical, and the health page answers 503 with the same body."""
    nodes = make_nodes(tmp_path, 3)
    with running(nodes):
        wait_until(all_see(nodes, ALIVE), 20, "all three see three alive")

        nodes[1].kill()
        nodes[2].kill()
        answer = wait_until(
            lambda: (a := nodes[0].get("/cluster/health")) and a[1]["dead_nodes"] == 2 and a, 40, "two dead"
        )

        assert answer[0] == 503
        assert answer[1]["status"] == "critical"
        assert (answer[1]["total_nodes"], answer[1]["alive_nodes"]) == (3, 1)
        assert nodes[0].get("/livez") == (200, {"status": "ok"})


def test_a_node_that_leaves_is_left_not_dead(tmp_path: Path) -> None:
    """SIGTERM leaves the cluster: exit status 0, and the others see left, never dead."""
    nodes = make_nodes(tmp_path, 3)
    with running(nodes):
        wait_until(all_see(nodes, ALIVE), 20, "all three see three alive")

        status = nodes[2].stop()
        wait_until(all_see(nodes[:2], {**ALIVE, "n2": "left"}), 10, "n2 has left for both others")

        assert status == 0
        assert not nodes[0].events("member.died")
        answer = nodes[0].get("/cluster/health")
        assert answer
        assert (answer[1]["dead_nodes"], answer[1]["left_nodes"]) == (1, 1)


def test_a_node_that_moved_is_back_at_once(tmp_path: Path) -> None:
    """Killed and started at another address under its id before the others notice: one node, back within 2 s."""
    nodes = make_nodes(tmp_path, 3)
    with running(nodes):
        wait_until(all_see(nodes, ALIVE), 20, "all three see three alive")
        victim, others = nodes[2], nodes[:2]

        victim.kill()
        victim.host = "127.0.0.77"
        victim.start()
        started = time.monotonic()
        wait_until(victim.is_listening, 15, "n2 has opened its gossip port")
        listening = time.monotonic()
        wait_until(
            lambda: all(where(n, "n2") == ("alive", victim.gossip) for n in others), 15, "n2 has moved"
        )
        back = time.monotonic()
        wait_until(all_see(nodes, ALIVE), 10, "all three see three alive")

        print(f"back {back - started:.2f} s after the start, {back - listening:.2f} s after it listened")
        assert back - listening < 2
        assert not [line for node in others for line in node.events("member.died")]


def test_http_answers_agree(tmp_path: Path) -> None:
    """Members, health and metrics give the same counts, and spaces that do not fit are counted."""
    nodes = make_nodes(tmp_path, 2)
    nodes[1].overrides["cluster.spaces"] = ",".join(f"memory-space-{number:04}" for number in range(100))
    with running(nodes):
        wait_until(all_see(nodes, {"n0": "alive", "n1": "alive"}), 20, "both see two alive")

        shown = member(nodes[0], "n1")
        health = nodes[0].get("/cluster/health")
        metrics = nodes[0].get("/metrics")

        assert len(shown["spaces"]) + shown["spaces_omitted"] == 100
        assert shown["spaces"][0] == "memory-space-0000"
        assert shown["api_addr"] == f"127.0.0.2:{nodes[1].api_port}"
        assert health
        assert [(n["id"], n["state"]) for n in health[1]["nodes"]] == [("n0", "alive"), ("n1", "alive")]
        assert health[1]["nodes"][1]["spaces_omitted"] == shown["spaces_omitted"]
        assert metrics
        assert 'engram_cluster_nodes{state="alive"} 2.0' in metrics[1]
        assert "engram_cluster_size 2.0" in metrics[1]
        assert 'engram_cluster_health{status="healthy"} 1.0' in metrics[1]
        assert nodes[0].get("/readyz") == (200, {"ready": True, "reason": "started"})
        assert nodes[0].get("/no/such/path") == (404, {"error": "not found"})
