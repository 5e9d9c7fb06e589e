"""TCP ports on the loopback interface."""

import random
import socket
from contextlib import suppress

from ecm.tools.errors import ToolError

HOST = "127.0.0.1"

# Below the ports that Linux hands out to connections (net.ipv4.ip_local_port_range, from 32768):
# a port from there could be lost to any connection while its server is started again.
_CANDIDATES = range(20000, 32768)

# What holds the ports that were given: a server may be stopped for long before it comes back.
_RESERVED: list[socket.socket] = []


def page_port(wanted: int) -> int:
    """The port for the page: the one wanted, if a server could listen there; any for 0."""
    if wanted == 0:
        return free_port()
    try:
        _listen(wanted)
    except OSError as error:
        raise ToolError(
            f"cannot listen on port {wanted} ({error.strerror}): choose another with --http PORT"
        ) from error
    return wanted


def free_port() -> int:
    """A port that a server could listen on, and that this gives nobody else while we run."""
    while True:
        port = random.choice(_CANDIDATES)
        with suppress(OSError):
            _RESERVED.append(_reserve(port))
            return port


def _listen(port: int) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind((HOST, port))
        probe.listen()


def _reserve(port: int) -> socket.socket:
    """Hold the port, for a server that is started on it, and started again.

    A socket that is bound but does not listen lets others listen there that set SO_REUSEADDR.
    Servers do; the bind here does not.
    """
    held = socket.socket()
    try:
        held.bind((HOST, port))
        held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # who holds has to allow it, too
    except OSError:
        held.close()
        raise
    return held
