"""A user who comes with BOSH, whatever carries the requests."""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Callable

from bench.load import xmpp
from bench.load.fail import fail
from ecm.tools.bosh.body import creation, termination
from ecm.tools.bosh.http import BadAnswer
from ecm.tools.bosh.login import Login, LoginError
from ecm.tools.bosh.session import Phase, Session

WAIT = 60  # seconds, as Strophe.js has it


class BoshUser(Session, ABC):
    """A session with two lines, as a browser has them: a request is held on one while the other
    is free for the next.

    ``heard`` is given each answer, but once it is logged in not those that only say that the wait
    is over: after these the user asks again.
    """

    __slots__ = ("number", "heard", "_busy")

    def __init__(self, number: int) -> None:
        super().__init__()
        self.number = number
        self.heard: Callable[[BoshUser, bytes], None] = unexpected
        self._busy = 0  # a bit for each line that has a request

    @abstractmethod
    def post(self, line: int, body: bytes) -> None:
        """Send a request on line 0 or 1, whose answer goes to ``answered``."""

    def say(self, stanzas: bytes = b"") -> None:
        """Send the next request."""
        self._send(self.next_body(stanzas))

    def _send(self, body: bytes) -> None:
        """Send it on a line that is free."""
        line = self._busy & 1
        self._busy |= 1 << line
        self.post(line, body)

    def answered(self, line: int, body: bytes) -> None:
        self._busy &= ~(1 << line)
        if termination(body) is not None:
            fail(f"ejabberd has ended the session of user {self.number}: {body!r}")
        if self.phase is Phase.ONLINE and is_empty(body) and not self._busy:
            self.say()
        else:
            self.heard(self, body)

    async def log_in(self) -> None:
        """Log in, bind a resource, send presence, wait until it comes back, and rest."""
        body = _LOGIN.begin(self)
        while self.phase < Phase.ONLINE:
            self._send(body)
            body = self.next_body(*self._content_after(await self._answer()))
        self.heard = rest
        self._send(body)

    def _content_after(self, answer: bytes) -> tuple[bytes, bytes]:
        try:
            return _LOGIN.advance(self, answer)
        except (BadAnswer, LoginError) as error:
            fail(f"user {self.number} could not log in: {error}; the last answer is {answer!r}")

    async def _answer(self) -> bytes:
        answer: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        self.heard = lambda user, body: answer.set_result(body)
        return await answer


_LOGIN = Login[BoshUser](
    xmpp.HOST,
    creation(xmpp.HOST, WAIT, hold=1, content="text/xml; charset=utf-8"),
    xmpp.RESOURCE,
    lambda user: xmpp.auth(user.number),
)


def is_empty(body: bytes) -> bool:
    """Return whether a body has no content: it is one tag, or a start tag and an end tag."""
    return body.count(b"<") < 3


def rest(user: BoshUser, body: bytes) -> None:
    """Hold a request, as an idle user does."""
    user.say()


def unexpected(user: BoshUser, body: bytes) -> None:
    fail(f"user {user.number} has not asked for this: {body!r}")
