"""Cold start: from ``exec`` to "ready", beside the imports that no node can avoid.

python -m tests.bench.startup
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from tests.servers.process import free_port

ROUNDS = 7
#: The libraries without which a node cannot run: loop, plugins, models, gossip, HTTP, metrics, logs, command line.
FLOOR = "asyncio, pluggy, pydantic, kinship, starlette.applications, uvicorn, prometheus_client, click"


#: As users run it: a machine that forbids bytecode caches compiles every module at each start.
ENVIRONMENT = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}


def main() -> None:
    """Print the medians and the ratio."""
    python = measure(lambda: imports("sys"))
    floor = measure(lambda: imports(FLOOR))
    ready = measure(node_ready)
    print(f"interpreter alone                {python * 1000:7.0f} ms")
    print(f"interpreter and needed imports   {floor * 1000:7.0f} ms   ({FLOOR})")
    print(f"one node, cold process to ready  {ready * 1000:7.0f} ms   {ready / floor:.2f} x the imports")
    print("target                               500 ms   2.00 x the imports")


def measure(once: Callable[[], float]) -> float:
    """Return the median of several rounds, after one that fills the disk cache."""
    once()
    return statistics.median(once() for _ in range(ROUNDS))


def imports(modules: str) -> float:
    """Time a process that imports modules and ends."""
    started = time.perf_counter()
    subprocess.run([sys.executable, "-c", f"import {modules}"], check=True, env=ENVIRONMENT)
    return time.perf_counter() - started


def node_ready() -> float:
    """Time a node of a cluster of its own from ``exec`` to the log line that says ready."""
    with tempfile.TemporaryDirectory() as folder:
        settings = Path(folder) / "engram.toml"
        settings.write_text(
            f'[cluster]\nenabled = true\nnode_id = "n"\ndata_dir = "{folder}/data"\n'
            f'[cluster.network]\nswim_bind = "127.0.0.1:{free_port()}"\napi_bind = "127.0.0.1:{free_port()}"\n'
        )
        started = time.perf_counter()
        node = subprocess.Popen(
            [sys.executable, "-m", "engram_discovery", "run", "--config", str(settings)],
            stderr=subprocess.PIPE,
            env=ENVIRONMENT,
        )
        assert node.stderr
        try:
            for line in node.stderr:
                if b'"node.ready"' in line:
                    return time.perf_counter() - started
            raise SystemExit("the node did not become ready")
        finally:
            node.kill()
            node.wait()
            node.stderr.close()


if __name__ == "__main__":
    main()
