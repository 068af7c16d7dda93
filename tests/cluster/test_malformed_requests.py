"""Requests that turn out malformed before, while or after they are answered."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.node_processes import Node, make_nodes, running, wait_until

CHUNKED = b"HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"


@pytest.fixture
def node(tmp_path: Path) -> Iterator[Node]:
    (made,) = make_nodes(tmp_path, 1)
    with running([made]):
        wait_until(lambda: made.get("/livez"), 20, "the node answers")
        yield made


def talk(node: Node, first: bytes, then: bytes) -> bytes:
    """Send the first part, wait for its answer, send the second, and return everything received."""
    with socket.create_connection((node.host, node.api_port), timeout=10) as connection:
        connection.sendall(first)
        answer = connection.recv(65536) if then else b""
        with contextlib.suppress(OSError):  # cut by the node
            connection.sendall(then)
            connection.shutdown(socket.SHUT_WR)
            while more := connection.recv(65536):
                answer += more
        return answer


@pytest.mark.parametrize(
    ("first", "then", "status"),
    [
        (b"\x00\xff nonsense\r\n\r\n", b"", b"400"),
        (b"GET /livez " + CHUNKED + b"zzz\r\n", b"", b"400"),
        (b"POST /cluster/nodes " + CHUNKED + b"zzz\r\n", b"", b"400"),
        (b"GET /livez " + CHUNKED, b"zzz\r\n", b"200"),
        (b"POST /cluster/nodes " + CHUNKED, b"zzz\r\n", b"405"),
        (b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n", b"\x00\xff nonsense\r\n\r\n", b"200"),
        (
            b"GET /livez HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
            b"\x00\xff nonsense\r\n\r\n",
            b"200",
        ),
    ],
)
def test_a_malformed_request_is_not_an_error_of_the_node(
    node: Node, first: bytes, then: bytes, status: bytes
) -> None:
    """The client gets one status line, or is cut off; the log has no error and no traceback; others are answered."""
    answer = talk(node, first, then)

    assert answer.startswith(b"HTTP/1.1 " + status)
    assert node.get("/livez") == (200, {"status": "ok"})
    assert "Traceback" not in node.log
    assert '"level": "error"' not in node.log
