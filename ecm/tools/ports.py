"""TCP ports on the loopback interface."""

import random
import socket
from contextlib import suppress

HOST = "127.0.0.1"

# Below the ephemeral ports of Linux (net.ipv4.ip_local_port_range, from 32768): any connection
# could take one of those while its server restarts.
_CANDIDATES = range(20000, 32768)

# Holds the ports that were given out: a server may be down for long before it comes back.
_RESERVED: list[socket.socket] = []


def free_port() -> int:
    """Return a port that a server can listen on. It is not given out again."""
    while True:
        port = random.choice(_CANDIDATES)
        with suppress(OSError):
            _RESERVED.append(_reserve(port))
            return port


def _reserve(port: int) -> socket.socket:
    """Reserve the port for a server that may restart.

    A socket that is bound but does not listen lets others listen there if they set SO_REUSEADDR.
    Servers do; the bind here does not.
    """
    held = socket.socket()
    try:
        held.bind((HOST, port))
        held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # both sides must set it
    except OSError:
        held.close()
        raise
    return held
