"""Listening ports, as Twisted's IListeningPort does not let one use them."""

import socket
from typing import Any

from twisted.internet.interfaces import IListeningPort


def socket_of(port: IListeningPort) -> socket.socket:
    """Return the socket of a port. IListeningPort does not name it; Twisted's ports do."""
    listening: Any = port
    handle: socket.socket = listening.socket
    return handle
