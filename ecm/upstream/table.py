"""The connection table, where the clients' side and the link's side meet.

It knows the exchanges in flight by the ID under which their requests went out, and nothing else: a
connection that waits for its next request is not in it. An ID names one connection; it is used
again only when the answer to its last request has come, so no answer is ever taken for another's.
"""

from typing import Final, Protocol

from ecm.limits import MAX_PARKED, PARKED_SIZE
from ecm.link.message import beginning
from ecm.metrics import Counters
from ecm.upstream.parts import Gathered
from ecm.upstream.pending import NOT_UNDERSTOOD, Waiting


class Link(Protocol):
    """What the table needs of the link. Bytes of a request, and of an answer in parts."""

    max_body: int
    max_content: int

    def send_request(self, connection_id: int, line: bytes, body: bytes) -> None:
        """Send a request to ejabberd."""

    def send_gone(self, connection_id: int, reason: str) -> None:
        """Tell ejabberd that nobody waits for the answer to a request any more."""

    def drain(self) -> None:
        """Tell ejabberd that ECM stops soon."""

    def abort(self) -> None:
        """Close the link at once, whatever there is to be sent."""


class Readers(Protocol):
    """What the table needs of the clients as a whole."""

    def pause(self) -> None:
        """Read no more requests."""

    def resume(self) -> None:
        """Read them again."""


class Unavailable(Exception):
    """ejabberd cannot be asked at the moment. The text says why."""


NO_LINK: Final = "The front end is up, but has no link to the chat server"
LINK_FULL: Final = "The chat server is too slow at the moment"
STOPS: Final = "The chat server is stopping"

# Why nobody waits for an answer any more: the client has gone, or ECM has answered by itself. One
# that has closed its end only may be waiting.
GONE: Final = "gone"
HALF_CLOSED: Final = "half-closed"
GAVE_UP: Final = "gave-up"


class ConnectionTable:
    """Carries requests to the link, and answers back to the clients that wait for them.

    While there is no link, or a full one, requests are parked; while it is full, clients are not
    even read. If that lasts for ``queue_timeout`` seconds, requests are refused until there is a
    link again that is not full.
    """

    def __init__(self, first_id: int, queue_timeout: float, now: float = 0.0) -> None:
        self.counters = Counters()
        self.readers: Readers | None = None
        self._queue_timeout = queue_timeout
        self._next_id = first_id
        self._waiting: dict[int, Waiting] = {}
        self._gathered = Gathered(self.counters)
        # Requests that wait to be sent, line and body, by the same ID; the memory that they take.
        self._parked: dict[int, tuple[bytes, bytes]] = {}
        self._parked_size = 0
        self._link: Link | None = None
        # Why requests have to wait, and since when; why they are refused. Empty if they are not.
        self._obstacle = NO_LINK
        self._since = now
        self._refusal = ""
        self._now = now

    def __len__(self) -> int:
        """How many exchanges are in flight."""
        return len(self._waiting)

    @property
    def linked(self) -> bool:
        return self._link is not None

    # From the clients.

    def new_id(self) -> int:
        """Return an ID that no connection has had."""
        self._next_id += 1
        return self._next_id - 1

    def request(self, waiting: Waiting, line: bytes, body: bytes) -> None:
        """Send a request, and note who waits for the answer. Raises Unavailable.

        ``line`` is what ``request_line`` makes; a link that is plain leaves it out.
        """
        if self._refusal:
            raise Unavailable(self._refusal)
        if self._link is None or self._obstacle:
            self._park(waiting, line, body)
        else:
            self._waiting[waiting.id] = waiting
            self.counters.requests += 1
            if len(body) > self._link.max_body:
                line, body = beginning(line, body, self._link.max_body)
            self._link.send_request(waiting.id, line, body)

    def forget(self, connection_id: int, reason: str) -> None:
        """Nobody waits for the answer of an exchange any more: should it come, it is for nobody."""
        waiting = self._waiting.pop(connection_id, None)
        self._gathered.forget(connection_id)
        parked = self._parked.pop(connection_id, None)
        if parked is not None:
            self._parked_size -= _size(*parked)
        elif self._link is not None and waiting is not None:
            self._link.send_gone(connection_id, reason)

    def half_closed(self, connection_id: int) -> None:
        """The client may wait for the answer of an exchange, or may have gone."""
        sent = connection_id in self._waiting and connection_id not in self._parked
        if self._link is not None and sent:
            self._link.send_gone(connection_id, HALF_CLOSED)

    # From the link.

    def link_up(self, link: Link) -> None:
        self._link = link
        self._gathered.max_content = link.max_content
        self._go_on()

    def answer(
        self, connection_id: int, status: int, body: bytes, content_type: str | None = None
    ) -> None:
        """Give an answer to the one who waits for it; drop it where nobody does."""
        waiting = self._asked(connection_id)
        if waiting is None:
            self.counters.late += 1
            return
        self.counters.answers += 1
        waiting.answered(status, body, content_type)

    def _asked(self, connection_id: int) -> Waiting | None:
        """Return who waits for an answer no more. None where nobody did, or has not been sent."""
        if self._parked and connection_id in self._parked:
            return None
        return self._waiting.pop(connection_id, None)

    def part(self, connection_id: int, part: bytes) -> str:
        """Take a part of an answer, of which more will come; drop it where nobody waits for it.

        Returns what is wrong with it, if something is.
        """
        waiting = self._waiting.get(connection_id)
        if waiting is None or connection_id in self._parked:
            self.counters.late += 1
            return ""
        self._waiting[connection_id], fault = self._gathered.add(waiting, part)
        return fault

    def drop(self, connection_id: int) -> None:
        """Drop the client that waits under this ID, if there is one."""
        waiting = self._asked(connection_id)
        if waiting is not None:
            waiting.dropped()

    def fail(self, connection_id: int) -> None:
        """A request, or the answer to it, was not understood."""
        self.counters.failed += 1
        waiting = self._asked(connection_id)
        if waiting is not None:
            waiting.refused(NOT_UNDERSTOOD)

    def link_full(self) -> None:
        """More waits to be sent than the link is allowed to hold."""
        if self._refusal != STOPS:
            self._wait(LINK_FULL)
            if self.readers is not None:
                self.readers.pause()

    def link_drained(self) -> None:
        """The link takes requests again."""
        if self._refusal != STOPS:
            self._go_on()

    def link_stops(self) -> None:
        """ejabberd takes no new requests on this link; it answers those that it has."""
        self._refuse(STOPS)

    def link_down(self) -> None:
        """Tell those whose requests were sent that their answers will not come."""
        self._link = None
        waiting, self._waiting = self._waiting, {}
        lost = [one for connection_id, one in waiting.items() if connection_id not in self._parked]
        self._waiting = {each: waiting[each] for each in self._parked}
        self.counters.lost += len(lost)
        for one in lost:
            one.refused(NO_LINK)
        self._wait(NO_LINK)
        self._read()

    # Requests that have to wait.

    def _wait(self, obstacle: str) -> None:
        """Send no requests for now."""
        self._obstacle = obstacle
        self._since = self._now
        self._refusal = ""

    def _read(self) -> None:
        if self.readers is not None:
            self.readers.resume()

    def _park(self, waiting: Waiting, line: bytes, body: bytes) -> None:
        size = _size(line, body)
        if self._parked_size + size > MAX_PARKED:
            raise Unavailable(self._obstacle)
        self._waiting[waiting.id] = waiting
        self._parked[waiting.id] = (line, body)
        self._parked_size += size

    def _unpark(self) -> list[tuple[Waiting, bytes, bytes]]:
        parked, self._parked, self._parked_size = self._parked, {}, 0
        waiting = self._waiting
        return [(waiting.pop(each), *it) for each, it in parked.items() if each in waiting]

    def _go_on(self) -> None:
        """Send requests again, first those that were parked."""
        self._obstacle = self._refusal = ""
        for waiting, line, body in self._unpark():
            try:
                self.request(waiting, line, body)
            except Unavailable as why:
                waiting.refused(str(why))
        if not self._obstacle:  # else the link is full again
            self._read()

    def _refuse(self, why: str) -> None:
        """Refuse requests from now on, and those that are parked."""
        self._refusal = why
        for waiting, _, _ in self._unpark():
            waiting.refused(why)
        self._read()

    # From the service.

    def drain(self) -> None:
        """Tell ejabberd that ECM stops soon. From now on no request waits to be sent."""
        self._queue_timeout = 0
        if self._link is not None:
            self._link.drain()

    def abort_link(self) -> None:
        """Close the link at once, if there is one."""
        if self._link is not None:
            self._link.abort()

    # From the clock.

    def tick(self, now: float) -> None:
        """Let no request wait for too long."""
        self._now = now
        if self._obstacle and not self._refusal and now - self._since >= self._queue_timeout:
            self._refuse(self._obstacle)


def _size(line: bytes, body: bytes) -> int:
    """About how many bytes of memory a request takes that waits: nothing is left of its head."""
    return PARKED_SIZE + len(line) + len(body)
