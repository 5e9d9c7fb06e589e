"""Programs in C, for what must be cheaper than the front end that it serves or asks.

They are compiled when they are needed, into ``build/``.
"""

import subprocess
from pathlib import Path

from testkit.paths import CHECKOUT
from testkit.servers.process import Process, command, program

SOURCES = Path(__file__).parent
BINARIES = CHECKOUT / "build" / "native"

# What each is made of.
PARTS = {
    "askers": ["askers.c"],
    "http_echo": ["http_echo.c", "serve.c"],
    "link_echo": ["link_echo.c", "serve.c"],
}


def build() -> None:
    """Compile all. Ends with one line where there is no compiler."""
    BINARIES.mkdir(parents=True, exist_ok=True)
    for name, parts in PARTS.items():
        sources = [SOURCES / part for part in parts]
        flags = ["-std=c11", "-O2", "-Wall", "-Wextra"]
        subprocess.run([program("gcc"), *flags, "-o", BINARIES / name, *sources], check=True)


def native(name: str, *arguments: str) -> Process:
    """Return the process of one of them."""
    return command(BINARIES / name, *arguments)
