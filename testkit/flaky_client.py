"""A BOSH client that keeps to the rules, and on whose way everything goes wrong."""

import re
from collections.abc import Iterator

import attrs
from twisted.internet.defer import Deferred

from ecm.link.events import Answered
from testkit.bosh_client import CLIENT, ROSTER
from testkit.link_peer import EcmEnd
from testkit.link_user import LinkUser

_TEXT = re.compile(rb"<body>([^<]*)</body>")
_SYNC = "<iq type='get' id='{}' xmlns='{}'><query xmlns='{}'/></iq>"


@attrs.define(eq=False)
class Request:
    """One RID, for which the client may ask many times, always with the same words.

    ``acknowledged``: up to this RID the client had all answers when it made the request.
    ``links`` are those on which it was sent, the last one at the end.
    """

    rid: int
    payload: str
    attributes: dict[str, str]
    acknowledged: int
    links: list[EcmEnd] = attrs.field(factory=list)
    exchange: Deferred[Answered] | None = None  # none: the client has lost sight of it
    unread: bytes | None = None
    answer: bytes | None = None
    has_arrived: bool = False  # that it is in the mailbox of its session is known

    @property
    def is_lost(self) -> bool:
        """True if no answer can come any more, unless the client repeats it."""
        return self.exchange is None or bool(self.links[-1].down.called)


class FlakyClient:
    """One session, logged in. An answer counts once the client has looked at it.

    It has at most ``window`` requests without an answer, and says which answers it has got
    (XEP-0124, sections 9.2 and 14.2). Once it is ``over``, the session has said so.
    """

    def __init__(self, user: LinkUser, window: int) -> None:
        self.user = user
        self.over = False
        self.window = window
        self.requests: dict[int, Request] = {}
        self._said: dict[int, set[bytes]] = {}

    @property
    def unanswered(self) -> list[Request]:
        return [request for request in self.requests.values() if request.answer is None]

    @property
    def room(self) -> int:
        return self.window - len(self.unanswered)

    async def ask(self, link: EcmEnd, payload: str = "", **attributes: str) -> Request:
        """Make the next request, once there is room for it."""
        await self.make_room(link)
        request = self.new(payload, **attributes)
        self.send(request, link)
        return request

    async def make_room(self, link: EcmEnd) -> None:
        """With all requests made that it may make, the session answers the oldest one."""
        self.read()
        while not self.over and not self.room:
            await self.answer(self.unanswered[0], link)

    def new(self, payload: str = "", **attributes: str) -> Request:
        """Return the next request, not sent yet."""
        waiting = self.unanswered
        acknowledged = (waiting[0].rid if waiting else self.user.session.rid + 1) - 1
        if waiting:
            attributes["ack"] = str(acknowledged)
        self.user.session.rid += 1
        request = Request(self.user.session.rid, payload, attributes, acknowledged)
        self.requests[request.rid] = request
        return request

    def send(self, request: Request, link: EcmEnd) -> None:
        """Send it for the first time or again. What an earlier try brings is not looked at."""
        request.links.append(link)
        self.user.link = link
        exchange = self.user.ask_as(request.rid, request.payload, **request.attributes)
        request.exchange, request.unread = exchange, None
        exchange.addCallback(self._came, request, exchange)

    def _came(self, answered: Answered, request: Request, exchange: Deferred[Answered]) -> Answered:
        if _type(answered.body) == b"":
            self._said.setdefault(request.rid, set()).add(answered.body)
        if request.exchange is exchange:
            request.unread = answered.body
        return answered

    def read(self) -> None:
        """Look at all that has come. With `error` the client is asked to repeat (section 17.3)."""
        for request in self.unanswered:
            match request.unread and _type(request.unread):
                case b"terminate":
                    self.over = True
                case b"error":
                    request.exchange = request.unread = None
                case b"":
                    request.answer, request.has_arrived = request.unread, True

    async def answer(self, request: Request, link: EcmEnd) -> None:
        """Wait until a request is answered, or the session over."""
        self.read()
        while not self.over and request.answer is None:
            self.repeat_lost(link)
            assert request.exchange is not None
            await request.exchange
            self.read()

    def repeat_lost(self, link: EcmEnd) -> None:
        for request in self.unanswered:
            if request.is_lost:
                self.send(request, link)

    async def sync(self, link: EcmEnd) -> None:
        """Return once the session has done all that it was asked for, and given what it had."""
        name = f"sync-{self.user.session.rid}"
        await self.ask(link, _SYNC.format(name, CLIENT, ROSTER))
        while not self.over and not self._knows(name.encode()):
            if not self.unanswered:
                await self.ask(link)
            await self.answer(self.unanswered[0], link)

    def _knows(self, word: bytes) -> bool:
        return any(word in (request.answer or b"") for request in self.requests.values())

    def lose(self) -> None:
        """Whatever comes to the requests made so far comes to nobody."""
        for request in self.unanswered:
            request.exchange = request.unread = None

    def close(self) -> None:
        """Close the connections on which answers are waited for."""
        for request in self.unanswered:
            if not request.is_lost and request.unread is None:
                self.user.link = request.links[-1]
                self.user.vanish(request.rid)
                request.exchange = None

    def arrived(self, links: list[EcmEnd]) -> None:
        """All that was sent on these links has come to the session."""
        for request in self.requests.values():
            request.has_arrived |= any(link in links for link in request.links)

    @property
    def taken(self) -> int:
        """Up to which RID the session is known to have taken the requests, in order."""
        missing = [each.rid for each in self.requests.values() if not each.has_arrived]
        return min(missing, default=self.user.session.rid + 1) - 1

    def texts(self, first: int, last: int) -> Iterator[str]:
        """The texts of the messages that came with the answers to these RIDs."""
        for rid, request in self.requests.items():
            if request.answer and first <= rid <= last:
                yield from (text.decode() for text in _TEXT.findall(request.answer))

    def acknowledged(self, last: int) -> int:
        """Up to which RID the answers are confirmed by the requests up to another RID."""
        return max(
            (each.acknowledged for rid, each in self.requests.items() if rid <= last), default=0
        )

    def assert_repeated_alike(self) -> None:
        """All answers to one RID are the same, byte by byte (section 14.3)."""
        for rid, said in self._said.items():
            assert len(said) == 1, f"RID {rid} was answered with {said}"


def _type(body: bytes) -> bytes:
    """The type of an answer: `terminate`, `error` or none."""
    head = body.partition(b">")[0]
    return head.partition(b" type='")[2].partition(b"'")[0]
