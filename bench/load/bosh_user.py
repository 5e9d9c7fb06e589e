"""A user who comes with BOSH (XEP-0124, XEP-0206): RID, SID, and one request that is held."""

import asyncio
import re
import secrets
from abc import ABC, abstractmethod
from collections.abc import Callable

from bench.load import xmpp
from bench.load.fail import fail

WAIT = 60  # seconds, as Strophe.js has it
NAMESPACE = b"xmlns='http://jabber.org/protocol/httpbind'"
XBOSH = b"xmlns:xmpp='urn:xmpp:xbosh'"
CREATION = (
    b" to='%b' wait='%d' hold='1' ver='1.11' xml:lang='en' content='text/xml; charset=utf-8'"
    b" xmpp:version='1.0' %b" % (xmpp.HOST, WAIT, XBOSH)
)
RESTART = b" to='%b' xml:lang='en' xmpp:restart='true' %b" % (xmpp.HOST, XBOSH)
SID = re.compile(rb"<body[^>]* sid=['\"]([^'\"]+)")


class BoshUser(ABC):
    """One of them, with two lines as a browser has them: a request is held on one while the other
    is free for the next.

    ``heard`` is given each answer, but not those that only say that the wait is over: after these
    the user asks again.
    """

    __slots__ = ("number", "heard", "_busy", "_rid", "_sid")

    def __init__(self, number: int) -> None:
        self.number = number
        self.heard: Callable[[BoshUser, bytes], None] = unexpected
        self._busy = 0  # a bit for each line that has a request
        self._rid = secrets.randbelow(2**31)
        self._sid = b""

    @abstractmethod
    def post(self, line: int, body: bytes) -> None:
        """Send a request on line 0 or 1, whose answer goes to ``answered``."""

    def say(self, content: bytes = b"", attributes: bytes = b"") -> None:
        """Send the next request, on a line that is free."""
        line = self._busy & 1
        self._busy |= 1 << line
        self._rid += 1
        end = b">%b</body>" % content if content else b"/>"
        self.post(
            line, b"<body rid='%d'%b%b %b%b" % (self._rid, self._sid, attributes, NAMESPACE, end)
        )

    def answered(self, line: int, body: bytes) -> None:
        self._busy &= ~(1 << line)
        if b"type='terminate'" in body or b'type="terminate"' in body:
            fail(f"ejabberd has ended the session of user {self.number}: {body!r}")
        if is_empty(body) and self._sid and not self._busy:
            self.say()
        else:
            self.heard(self, body)

    # xmpp.Stream

    async def open(self) -> None:
        if self._sid:
            self.say(attributes=RESTART)
            await self._until(xmpp.FEATURES)
            return
        self.say(attributes=CREATION)
        first = await self._answer()
        found = SID.search(first)
        if found is None:
            fail(f"ejabberd has not answered with a session, but {first!r}")
        self._sid = b" sid='%b'" % found[1]
        if xmpp.FEATURES not in first:
            self.say()
            await self._until(xmpp.FEATURES)

    async def ask(self, element: bytes, expected: bytes) -> None:
        self.say(element)
        await self._until(expected)

    def rest(self) -> None:
        self.heard = rest
        self.say()

    async def _until(self, expected: bytes) -> None:
        while expected not in await self._answer():
            self.say()

    async def _answer(self) -> bytes:
        answer: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        self.heard = lambda user, body: answer.set_result(body)
        return await answer


def is_empty(body: bytes) -> bool:
    """Return whether a body has no content: it is one tag, or a start tag and an end tag."""
    return body.count(b"<") < 3


def rest(user: BoshUser, body: bytes) -> None:
    """What a user does who does nothing."""
    user.say()


def unexpected(user: BoshUser, body: bytes) -> None:
    fail(f"user {user.number} has not asked for this: {body!r}")
