"""The connections of all users, as a browser has them: what carries Strophe's requests."""

import math
import time
from collections.abc import Callable
from typing import Protocol

from bench.faults.strophe import Request
from bench.faults.user import User
from ecm.tools.bosh.http import Answer, BadAnswer, Endpoint, cut
from ecm.tools.swarm.sockets import Sockets, kind

_PATH = "/http-bind"
# Seconds. A connection that was idle may be closed while a request is on its way. A browser repeats
# such a request by itself, over a new connection (RFC 9112, section 9.3.1).
_CROSSING = 1.0
_TICK = 0.05  # seconds; the longest time between two looks at what is due


class Page(Protocol):
    """Gets what comes of the requests."""

    def answered(self, user: User, request: Request, answer: Answer) -> None: ...

    def failed(self, user: User, request: Request, kind: str) -> None: ...


class Browser:
    """One for all users, with two connections for each."""

    def __init__(self, port: int, page: Page) -> None:
        self._sockets: Sockets[User] = Sockets(("127.0.0.1", port), [])
        self._page = page
        self._endpoint = Endpoint(f"127.0.0.1:{port}", _PATH)
        self._partial: dict[int, bytes] = {}
        self._reused: dict[int, float] = {}  # when a request was sent on a line that had others

    def watch(self, descriptor: int, ready: Callable[[], None]) -> None:
        """Call ``ready`` whenever the descriptor is readable."""
        self._sockets.watch(descriptor, ready)

    def wait(self) -> None:
        """Wait for events, and handle them."""
        self._sockets.wait(_TICK, self)

    def send(self, user: User, request: Request) -> None:
        """Send a request, over a connection that is there, or a new one."""
        line = user.free_line()
        if line is None:
            self._send_anew(user, request)
            return
        user.lines[line] = request
        self._reused[line] = time.monotonic()
        try:
            self._sockets.send(line, self._endpoint.post(request.body))
        except OSError:
            self._close(user, line)
            self._send_anew(user, request)

    def _send_anew(self, user: User, request: Request) -> None:
        try:
            line = self._sockets.open(user, self._endpoint.post(request.body))
        except OSError as error:
            self._page.failed(user, request, kind(error))
        else:
            user.lines[line] = request

    def mute(self, user: User, is_mute: bool) -> None:
        """Read nothing more on the connections that a user has now, or read again."""
        for line in user.lines:
            self._sockets.mute(line, is_mute)

    def abort(self, user: User, request: Request) -> None:
        """Close the connection that carries a request."""
        line = user.line_of(request)
        if line is not None:
            self._close(user, line)

    def close(self, user: User) -> None:
        """Close all connections of a user."""
        for line in [*user.lines]:
            self._close(user, line)

    def _close(self, user: User, line: int) -> None:
        self._forget(line)
        del user.lines[line]
        self._sockets.close(line)

    def _forget(self, line: int) -> None:
        self._partial.pop(line, None)
        self._reused.pop(line, None)

    def received(self, user: User, line: int, data: bytes) -> None:
        data = self._partial.pop(line, b"") + data
        request = user.lines[line]
        try:
            answer = cut(data)
        except BadAnswer as bad:
            self._close(user, line)
            if request is not None:
                self._page.failed(user, request, str(bad))
            return
        if answer is None:
            self._partial[line] = data
        else:
            self._take(user, line, answer)

    def _take(self, user: User, line: int, answer: Answer) -> None:
        request = user.lines[line]
        user.lines[line] = None
        if not answer.persists or answer.rest or request is None:
            self._close(user, line)
        if request is not None:  # otherwise a 408 to nothing, before ECM closes
            self._page.answered(user, request, answer)

    def broken(self, user: User, line: int, kind: str) -> None:
        has_answer = line in self._partial
        sent = self._reused.get(line, -math.inf)
        self._forget(line)
        request = user.lines.pop(line)
        if request is None:
            return
        if time.monotonic() - sent < _CROSSING and not has_answer:
            self._send_anew(user, request)
        else:
            self._page.failed(user, request, kind)
