"""TCP ports on the loopback interface."""

import random
import socket
from contextlib import suppress

from ecm.demo.errors import DemoError

HOST = "127.0.0.1"

# Below the ports that Linux hands out to connections (net.ipv4.ip_local_port_range, from 32768):
# a port from there could be lost to any connection while its server is started again.
_CANDIDATES = range(20000, 32768)


def page_port(wanted: int) -> int:
    """The port for the page: the one wanted, if a server could listen there; any for 0."""
    if wanted == 0:
        return free_port()
    try:
        _listen(wanted)
    except OSError as error:
        raise DemoError(
            f"cannot listen on port {wanted} ({error.strerror}): choose another with --http PORT"
        ) from error
    return wanted


def free_port() -> int:
    """A port that a server could listen on, and that nobody else is given by this for a minute."""
    while True:
        port = random.choice(_CANDIDATES)
        with suppress(OSError):
            _reserve(port)
            return port


def _listen(port: int) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind((HOST, port))
        probe.listen()


def _reserve(port: int) -> None:
    """Leave a connection in TIME-WAIT there.

    Only who sets SO_REUSEADDR may listen on such a port then. Servers do; the bind here does not.
    """
    with socket.socket() as probe:
        probe.bind((HOST, port))
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # what waits has to allow it
        probe.listen()
        with socket.create_connection((HOST, port)):
            probe.accept()[0].close()  # the side that closes first is the one that waits
