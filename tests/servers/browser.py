"""A real headless Chromium, spoken to in its own DevTools protocol over a pipe: no driver, no library, no port."""

from __future__ import annotations

import base64
import fcntl
import json
import os
import select
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.servers.requirements import find_program
from tests.support.node_processes import wait_until

PHONE = (390, 844)
DESKTOP = (1280, 900)
_FLAGS = [
    "--headless=new",
    "--remote-debugging-pipe",
    "--no-sandbox",  # tests run as root in a container
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--hide-scrollbars",
]
_KEYS = {"ArrowRight": 39, "ArrowLeft": 37, "End": 35, "Home": 36, "Tab": 9}


class Page:
    """One page in one browser.

    Attributes:
        events: What the browser told unasked: requests, errors, console messages.
    """

    def __init__(self, reading: int, writing: int) -> None:
        self._reading, self._writing = reading, writing
        self._buffer = b""
        self._number = 0
        self._session: str | None = None
        self.events: list[dict[str, Any]] = []
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        attached = self.call("Target.attachToTarget", targetId=target, flatten=True)
        self._session = attached["sessionId"]
        for domain in ("Page", "Runtime", "Network", "Log", "Accessibility"):
            self.call(f"{domain}.enable")

    def call(self, method: str, **parameters: Any) -> Any:
        """Call a method of the protocol and return its result."""
        self._number += 1
        message = {"id": self._number, "method": method, "params": parameters}
        if self._session:
            message["sessionId"] = self._session
        os.write(self._writing, json.dumps(message).encode() + b"\0")
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            answer = self._read(deadline)
            if answer.get("id") == self._number:
                assert "error" not in answer, (method, answer["error"])
                return answer["result"]
            self.events.append(answer)
        raise AssertionError(f"the browser did not answer {method}")

    def open(self, url: str, size: tuple[int, int] = DESKTOP, *, dark: bool = False) -> None:
        """Show an address in a window of a size, for people who like it light or dark."""
        self.look(size, dark=dark)
        self.call("Page.navigate", url=url)
        self.wait(f"location.href === {json.dumps(url)} && document.readyState === 'complete'")

    def look(self, size: tuple[int, int], *, dark: bool) -> None:
        """Change the window's size and the colour scheme."""
        width, height = size
        mobile = width < 600
        self.call(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=mobile,
        )
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.call("Emulation.setEmulatedMedia", features=[scheme])

    def run(self, script: str) -> Any:
        """Evaluate JavaScript as the developer's console would."""
        result = self.call("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in result, result
        return result["result"].get("value")

    def text(self, selector: str) -> str:
        """Return the visible text of an element; empty if it is not there."""
        return self.run(f"document.querySelector({json.dumps(selector)})?.innerText ?? ''") or ""

    def wait(self, script: str, timeout: float = 20) -> Any:
        """Wait until an expression is true."""
        return wait_until(lambda: self.run(script), timeout, script)

    def press(self, key: str) -> None:
        """Press a key."""
        for kind in ("rawKeyDown", "keyUp"):
            self.call(
                "Input.dispatchKeyEvent", type=kind, key=key, code=key, windowsVirtualKeyCode=_KEYS[key]
            )

    def screenshot(self, path: Path) -> None:
        """Save the whole page, as long as it is, as PNG."""
        size = self.call("Page.getLayoutMetrics")["cssContentSize"]
        clip = {"x": 0, "y": 0, "width": size["width"], "height": size["height"], "scale": 1}
        shot = self.call("Page.captureScreenshot", format="png", clip=clip, captureBeyondViewport=True)
        path.write_bytes(base64.b64decode(shot["data"]))

    def accessible(self) -> list[tuple[str, str]]:
        """Return role and name of everything that a screen reader is told of."""
        nodes = self.call("Accessibility.getFullAXTree")["nodes"]
        told = [node for node in nodes if not node.get("ignored")]
        return [(n.get("role", {}).get("value", ""), n.get("name", {}).get("value", "")) for n in told]

    def requests(self) -> set[str]:
        """Return the addresses that the page asked for."""
        sent = [e["params"] for e in self.events if e.get("method") == "Network.requestWillBeSent"]
        return {request["request"]["url"] for request in sent}

    def complaints(self) -> list[str]:
        """Return errors and warnings: exceptions, blocked resources, broken policies."""
        wanted = {"Runtime.exceptionThrown", "Log.entryAdded", "Runtime.consoleAPICalled"}
        return [json.dumps(e["params"]) for e in self.events if e.get("method") in wanted]

    def _read(self, deadline: float) -> Any:
        while b"\0" not in self._buffer:
            ready, _, _ = select.select([self._reading], [], [], max(0.0, deadline - time.monotonic()))
            piece = os.read(self._reading, 1 << 16) if ready else b""
            assert piece, "the browser is silent or has ended"
            self._buffer += piece
        message, _, self._buffer = self._buffer.partition(b"\0")
        return json.loads(message)


@contextmanager
def chromium(profile: Path) -> Iterator[Page]:
    """Run a browser with a profile of its own; its absence fails the test."""
    program = find_program("chromium")
    # The browser reads commands at descriptor 3 and answers at 4.
    (their_reading, writing), (reading, their_writing) = _pipe(), _pipe()
    log = os.open(profile.with_suffix(".log"), os.O_WRONLY | os.O_CREAT, 0o600)
    process = os.posix_spawn(
        program,
        [str(program), *_FLAGS, f"--user-data-dir={profile}", "about:blank"],
        {**os.environ, "HOME": str(profile.parent)},
        file_actions=[
            (os.POSIX_SPAWN_DUP2, their_reading, 3),
            (os.POSIX_SPAWN_DUP2, their_writing, 4),
            (os.POSIX_SPAWN_DUP2, log, 1),
            (os.POSIX_SPAWN_DUP2, log, 2),
        ],
    )
    for descriptor in (their_reading, their_writing, log):
        os.close(descriptor)
    try:
        yield Page(reading, writing)
    finally:
        os.close(writing)  # without its pipe it ends
        os.close(reading)
        _end(process)


def _pipe() -> tuple[int, int]:
    """Make a pipe whose descriptors are not among the first ten, which the child gives a meaning."""
    ends = os.pipe()
    high = [fcntl.fcntl(end, fcntl.F_DUPFD_CLOEXEC, 10) for end in ends]
    for end in ends:
        os.close(end)
    return high[0], high[1]


def _end(process: int) -> None:
    deadline = time.monotonic() + 10
    while os.waitpid(process, os.WNOHANG) == (0, 0):
        if time.monotonic() > deadline:
            os.kill(process, signal.SIGKILL)
            os.waitpid(process, 0)
            return
        time.sleep(0.05)
