"""The connection table, where the clients' side and the link's side meet.

It knows the exchanges in flight by the ID under which their requests went out, and nothing else: a
connection that waits for its next request is not in it. An ID names one connection; it is used
again only when the answer to its last request has come, so no answer is ever taken for another's.
"""

from typing import Protocol

from ecm.counters import Counters
from ecm.request import Request


class Waiting(Protocol):
    """A request that waits for its answer."""

    id: int

    def answered(self, content: bytes) -> None:
        """Take the session's answer."""

    def refused(self, why: str) -> None:
        """There will be none, for a reason that is not the client's."""


class Link(Protocol):
    """What the table needs of the link."""

    def send_request(self, waiting: Waiting, request: Request) -> None:
        """Send a request to ejabberd."""

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


NO_LINK = "The front end is up, but has no link to the chat server"
LINK_FULL = "The chat server is too slow at the moment"


class ConnectionTable:
    """Carries requests to the link, and answers back to the clients that wait for them.

    While the link is full, clients are not read, and what they have asked already is parked. If
    that lasts for ``queue_timeout`` seconds, they are read and refused until the link has drained.
    """

    def __init__(self, first_id: int, queue_timeout: float) -> None:
        self.counters = Counters()
        self.readers: Readers | None = None
        self._queue_timeout = queue_timeout
        self._next_id = first_id
        self._waiting: dict[int, Waiting] = {}
        self._parked: dict[int, Request] = {}
        self._link: Link | None = None
        self._full_since: float | None = None
        self._refuses = False
        self._now = 0.0

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

    def request(self, waiting: Waiting, request: Request) -> None:
        """Send a request, and note who waits for the answer. Raises Unavailable."""
        if self._link is None:
            raise Unavailable(NO_LINK)
        if self._refuses:
            raise Unavailable(LINK_FULL)
        self._waiting[waiting.id] = waiting
        if self._full_since is None:
            self.counters.requests += 1
            self._link.send_request(waiting, request)
        else:
            self._parked[waiting.id] = request

    def forget(self, connection_id: int) -> None:
        """The client of an exchange in flight has gone: the answer is for nobody."""
        self._waiting.pop(connection_id, None)
        self._parked.pop(connection_id, None)

    # From the link.

    def link_up(self, link: Link) -> None:
        self._link = link

    def answer(self, connection_id: int, content: bytes) -> None:
        """Give an answer to the one who waits for it; drop it where nobody does."""
        waiting = self._waiting.pop(connection_id, None)
        if waiting is None:
            self.counters.late += 1
            return
        self.counters.answers += 1
        waiting.answered(content)

    def link_full(self) -> None:
        """More waits to be sent than the link is allowed to hold."""
        self._full_since = self._now
        if self.readers is not None:
            self.readers.pause()

    def link_drained(self) -> None:
        """The link takes requests again: first those that were parked."""
        self._not_full()
        parked, self._parked = self._parked, {}
        for connection_id, request in parked.items():
            self.request(self._waiting[connection_id], request)

    def _not_full(self) -> None:
        self._full_since = None
        self._refuses = False
        if self.readers is not None:
            self.readers.resume()

    def link_down(self) -> None:
        """Tell all who wait that their answers will not come."""
        self._link = None
        waiting, self._waiting = self._waiting, {}
        self._parked.clear()
        self.counters.lost += len(waiting)
        for one in waiting.values():
            one.refused(NO_LINK)
        self._not_full()

    # From the service.

    def abort_link(self) -> None:
        """Close the link at once, if there is one."""
        if self._link is not None:
            self._link.abort()

    # From the clock.

    def tick(self, now: float) -> None:
        """Stop waiting for a full link once that has taken too long."""
        self._now = now
        if self._full_since is None or self._refuses:
            return
        if now - self._full_since >= self._queue_timeout:
            self._refuse_parked()

    def _refuse_parked(self) -> None:
        self._refuses = True
        parked, self._parked = self._parked, {}
        for connection_id in parked:
            self._waiting.pop(connection_id).refused(LINK_FULL)
        if self.readers is not None:
            self.readers.resume()
