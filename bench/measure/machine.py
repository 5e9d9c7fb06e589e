"""The machine that a measurement was made on, and the versions of the programs."""

import os
import platform
import re
import subprocess
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from ecm import __version__
from testkit.servers.process import program


def machine() -> dict[str, str]:
    """Return what to print beside every figure."""
    cpu = re.search(r"model name\s*: (.*)", Path("/proc/cpuinfo").read_text())
    memory = re.search(r"MemTotal: +([0-9]+)", Path("/proc/meminfo").read_text())
    assert memory is not None
    return {
        "date": f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC",
        "CPU": f"{os.cpu_count()} × {cpu[1] if cpu else platform.machine()}",
        "memory": f"{int(memory[1]) / 2**20:.0f} GiB",
        "load": f"{os.getloadavg()[0]:.1f} before it began",
        "kernel": platform.release(),
        "Python": platform.python_version(),
        "ECM": __version__,
        "Twisted": version("twisted"),
    }


def proxies() -> dict[str, str]:
    """Return the versions of the proxies. Ends with one line where one is not installed."""
    return {
        "nginx": _printed(program("nginx"), "-v"),
        "HAProxy": _printed(program("haproxy"), "-v"),
    }


def _printed(*command: str) -> str:
    done = subprocess.run(command, capture_output=True, text=True)
    found = re.search(r"[0-9]+\.[0-9]+\.[0-9]+", done.stdout + done.stderr)
    return found[0] if found else "?"
