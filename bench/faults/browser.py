"""The connections of all users, as a browser has them: what carries Strophe's requests."""

from collections.abc import Callable
from typing import Protocol

from bench.faults.strophe import Request
from bench.faults.user import User
from ecm.tools.bosh.http import Answer, BadAnswer, Endpoint, cut
from ecm.tools.swarm.sockets import Sockets, kind

_PATH = "/http-bind"
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

    def watch(self, descriptor: int, ready: Callable[[], None]) -> None:
        """Call ``ready`` whenever the descriptor is readable."""
        self._sockets.watch(descriptor, ready)

    def wait(self) -> None:
        """Wait for events, and handle them."""
        self._sockets.wait(_TICK, self)

    def send(self, user: User, request: Request) -> None:
        """Send a request, over a connection that is there, or a new one."""
        data = self._endpoint.post(request.body)
        line = user.free_line()
        try:
            if line is None:
                line = self._sockets.open(user, data)
                user.lines[line] = request
            else:
                user.lines[line] = request
                self._sockets.send(line, data)
        except OSError as error:
            if line is not None:
                self._close(user, line)
            self._page.failed(user, request, kind(error))

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
        self._partial.pop(line, None)
        del user.lines[line]
        self._sockets.close(line)

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
        self._partial.pop(line, None)
        request = user.lines.pop(line)
        if request is not None:
            self._page.failed(user, request, kind)
