"""The TCP connections of a process: non-blocking sockets and one epoll.

A connection is a file descriptor, without a Python object of its own. Twisted's takes 1.2 kB, and
more CPU than everything else that a user does (docs/swarm.md).
"""

import os
import select
import socket
import struct
from collections.abc import Callable
from errno import ECONNREFUSED, ECONNRESET, EINPROGRESS, EPIPE
from typing import Generic, Protocol, TypeVar

# Linux, include/uapi/linux/in.h. Set before bind(), it delays the choice of a port until connect(),
# so that connections to different destinations may share one.
_IP_BIND_ADDRESS_NO_PORT = 24

_RESET = struct.pack("ii", 1, 0)  # linger for no time (socket(7)): close() sends a reset

_READ_AT_ONCE = 16 * 1024  # bytes; an answer of a swarm is seldom longer
_EVENTS_AT_ONCE = 512

_KINDS = {ECONNREFUSED: "refused", ECONNRESET: "reset", EPIPE: "reset"}


U_contra = TypeVar("U_contra", contravariant=True)
U = TypeVar("U")  # the owner of a connection


class Handler(Protocol[U_contra]):
    """Receives the events of connections."""

    def received(self, user: U_contra, line: int, data: bytes) -> None: ...

    def broken(self, user: U_contra, line: int, kind: str) -> None:
        """The connection was lost, not closed by ``close``; it is closed now."""


class Sockets(Generic[U]):
    """``sources`` are the local addresses, used in turn; none lets the kernel choose."""

    def __init__(self, address: tuple[str, int], sources: list[str]) -> None:
        self._address = address
        self._sources = sources
        self._opened = 0
        self._epoll = select.epoll()
        self._users: list[U | None] = []
        self._unsent: dict[int, bytes] = {}  # sent once the connection is established
        self._watched: dict[int, Callable[[], None]] = {}

    def watch(self, descriptor: int, ready: Callable[[], None]) -> None:
        """Call ``ready`` whenever the descriptor is readable."""
        self._watched[descriptor] = ready
        self._epoll.register(descriptor, select.EPOLLIN)

    def open(self, user: U, data: bytes) -> int:
        """Connect, send ``data``, and return the connection. Raises OSError."""
        line = self._connected()
        try:
            self._epoll.register(line, select.EPOLLIN)
            self._own(line, user)
            self.send(line, data)
        except OSError:
            self.close(line)
            raise
        return line

    def _connected(self) -> int:
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM | socket.SOCK_NONBLOCK) as new:
            new.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if self._sources:
                source = self._sources[self._opened % len(self._sources)]
                new.setsockopt(socket.IPPROTO_IP, _IP_BIND_ADDRESS_NO_PORT, 1)
                new.bind((source, 0))
            self._opened += 1
            error = new.connect_ex(self._address)
            if error not in (0, EINPROGRESS):
                raise OSError(error, os.strerror(error))
            return new.detach()

    def _own(self, line: int, user: U) -> None:
        while line >= len(self._users):
            self._users.append(None)
        self._users[line] = user

    def send(self, line: int, data: bytes) -> None:
        """Send; what the socket does not take yet is sent once it is writable. Raises OSError."""
        if line in self._unsent:
            self._unsent[line] += data
        else:
            self._write(line, data)

    def _write(self, line: int, data: bytes) -> None:
        try:
            sent = os.write(line, data)
        except BlockingIOError:
            sent = 0
        if sent < len(data):
            self._unsent[line] = data[sent:]
            self._epoll.modify(line, select.EPOLLIN | select.EPOLLOUT)

    def secure(self, line: int) -> None:
        """Go on with TLS on this connection. Raises OSError."""
        raise NotImplementedError("there is no TLS here")

    def mute(self, line: int, is_mute: bool) -> None:
        """Leave what comes with the kernel, or read it again. All has been sent on this line."""
        self._epoll.modify(line, 0 if is_mute else select.EPOLLIN)

    def close(self, line: int) -> None:
        self._users[line] = None
        self._unsent.pop(line, None)
        os.close(line)

    def cut(self, line: int) -> None:
        """End it with a reset, as if its client had been killed; nothing is said before."""
        with socket.socket(fileno=line) as closing:
            closing.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
            closing.detach()
        Sockets.close(self, line)

    def abandon(self, line: int) -> None:
        """Let it stay open, and neither read nor say anything more; it is still to be cut."""
        self._epoll.unregister(line)
        self._users[line] = None
        self._unsent.pop(line, None)

    def wait(self, seconds: float, handler: Handler[U]) -> None:
        """Wait for events, at most so long, and handle them."""
        for line, events in self._epoll.poll(seconds, _EVENTS_AT_ONCE):
            if line in self._watched:
                self._watched[line]()
            elif (user := self._users[line]) is not None:  # otherwise closed a moment ago
                self._handle(user, line, events, handler)

    def _handle(self, user: U, line: int, events: int, handler: Handler[U]) -> None:
        try:
            if events & select.EPOLLOUT:
                self._send_rest(line)
            data = os.read(line, _READ_AT_ONCE)
        except BlockingIOError:
            return  # a stale event, of an earlier connection with the same descriptor
        except OSError as error:
            self._break(user, line, kind(error), handler)
            return
        if data:
            self._pass_on(user, line, data, handler)
        else:
            self._break(user, line, "closed", handler)

    def _pass_on(self, user: U, line: int, data: bytes, handler: Handler[U]) -> None:
        handler.received(user, line, data)

    def _send_rest(self, line: int) -> None:
        data = self._unsent.pop(line, b"")
        self._epoll.modify(line, select.EPOLLIN)
        self._write(line, data)

    def _break(self, user: U, line: int, kind: str, handler: Handler[U]) -> None:
        self.close(line)
        handler.broken(user, line, kind)


def kind(error: OSError) -> str:
    """Return the name of a connection's error in the result."""
    return _KINDS.get(error.errno or 0, (error.strerror or "no connection").lower())
