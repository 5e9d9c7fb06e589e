"""The rules by which Strophe keeps a BOSH session alive. Pure: time is an argument.

They are those of strophe.js 1.2 to 3.1 (``Strophe.Bosh``): at most two requests are in flight. A
request that fails, by a status of 500 or above or because its connection breaks, is repeated with
the same RID: the first time at once, then after 8, 27 and 64 seconds. Five failures without an
answer in between end the session, and so does a status of 400 to 499. A request that has no answer
after 66 seconds is aborted and repeated.
"""

import math
from collections.abc import Iterator

from ecm.tools.bosh.session import Session

WAIT = 60  # seconds for which Strophe lets a server hold a request
_TIMEOUT = math.floor(1.1 * WAIT)  # seconds without an answer
_SECONDARY = math.floor(0.1 * WAIT)  # seconds that a request may be behind the one after it
_MAX_ERRORS = 4  # without an answer in between
_MAX_SENDS = 5  # of one request
_AT_ONCE = 2  # requests in flight
_WINDOW = 2  # RIDs from the oldest of them on (`requests` of the answer that creates a session)

# A stanza, with the number by which its sender knows it, if there is one.
Said = tuple[int | None, bytes]


class Request:
    """``marks`` are the numbers of its stanzas. Either it is ``due`` to be sent, or it was ``sent``
    at this time. From ``dead`` on, the request behind it is answered."""

    __slots__ = ("body", "rid", "marks", "sends", "due", "sent", "dead")

    def __init__(self, body: bytes, rid: int, marks: tuple[int, ...], now: float) -> None:
        self.body = body
        self.rid = rid
        self.marks = marks
        self.sends = 0
        self.due: float | None = now
        self.sent = math.inf
        self.dead = math.inf

    def age(self, now: float) -> float:
        """The time since it was sent; below 0 while it is not."""
        return now - self.sent


class Strophe:
    """A session's requests in flight, and the stanzas for the next one.

    ``ended`` is the reason why Strophe has given up the session. A client that ``sleeps`` makes no
    request of its own accord.
    """

    __slots__ = ("requests", "outbox", "ended", "sleeps", "_session", "_errors")

    def __init__(self, session: Session) -> None:
        self.requests: list[Request] = []
        self.outbox: list[Said] = []
        self.ended = ""
        self.sleeps = False
        self._session = session
        self._errors = 0

    @property
    def is_in_trouble(self) -> bool:
        """True if a request has failed, and waits to be repeated."""
        return any(request.due is not None for request in self.requests)

    def marks(self) -> Iterator[int]:
        """Give the numbers of the stanzas that are not answered."""
        yield from self.in_flight()
        yield from _marks(self.outbox)

    def in_flight(self) -> Iterator[int]:
        """Give those of them that are in requests."""
        for request in self.requests:
            yield from request.marks

    def begin(self, body: bytes, now: float) -> None:
        """Make the request that creates the session."""
        self.requests.append(Request(body, self._session.rid, (), now))

    def ask(self, stanzas: bytes, attributes: bytes, now: float) -> None:
        """Make the next request."""
        self._ask(stanzas, attributes, (), now)

    def _ask(self, stanzas: bytes, attributes: bytes, marks: tuple[int, ...], now: float) -> None:
        body = self._session.next_body(stanzas, attributes)
        self.requests.append(Request(body, self._session.rid, marks, now))

    def idle(self, now: float) -> None:
        """Do what Strophe does ten times a second once it is online: send what waits, poll."""
        if len(self.requests) < _AT_ONCE and self.outbox:
            said, self.outbox = self.outbox, []
            stanzas = b"".join(stanza for _, stanza in said)
            self._ask(stanzas, b"", tuple(_marks(said)), now)
        elif not self.requests and not self.sleeps:
            self.ask(b"", b"", now)

    def due(self, now: float) -> Iterator[Request]:
        """Give each request that is to be sent now, or again: none too far from the oldest one."""
        for request in self.requests:
            if request.rid - self.requests[0].rid >= _WINDOW:
                return
            if request.due is not None and request.due <= now:
                request.due = None
                request.sent = now
                request.sends += 1
                yield request

    def overdue(self, now: float) -> Iterator[Request]:
        """Give each request that is to be aborted now. It is repeated, or the session ends."""
        if not self.requests or not _is_overdue(self.requests[0], now):
            return
        for request in self.requests[:]:
            if _is_overdue(request, now):
                self._repeat(request, now)
                yield request

    def answered(self, request: Request, status: int, now: float) -> None:
        """An answer has come: take it as Strophe does."""
        if status >= 500:
            self.failed(request, now)
            return
        place = self.requests.index(request)
        del self.requests[place]
        if status >= 400:
            self.ended = f"status {status}"
            return
        self._errors = 0
        if self.requests and (place == 1 or self.requests[0].age(now) > _SECONDARY):
            self.requests[0].dead = min(self.requests[0].dead, now)

    def failed(self, request: Request, now: float) -> None:
        """There is no answer, or it is an error of the server."""
        self._errors += 1
        if self._errors > _MAX_ERRORS:
            self.ended = "five errors in a row"
        else:
            self._repeat(request, now)

    def _repeat(self, request: Request, now: float) -> None:
        if request.sends >= _MAX_SENDS:
            self.ended = "a request has failed five times"
        pause = min(request.sends**3, _TIMEOUT) if request.sends > 1 else 0
        request.due = now + pause
        request.sent = request.dead = math.inf


def _is_overdue(request: Request, now: float) -> bool:
    return request.age(now) > _TIMEOUT or now - request.dead > _SECONDARY


def _marks(said: list[Said]) -> Iterator[int]:
    return (mark for mark, _ in said if mark is not None)
