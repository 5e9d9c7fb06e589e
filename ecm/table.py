"""The connection table, where the clients' side and the link's side meet.

An exchange is a request and the answer to it. The table knows the exchanges in flight by the ID
under which their requests went out, and nothing else: a connection that waits for its next request
is not in it. An ID names one connection; it is used again only when the answer to its last request
has come, so no answer is ever taken for another's.
"""

from typing import Protocol

from ecm.counters import Counters


class Client(Protocol):
    """What the table needs of a client's connection."""

    def answered(self, content: bytes) -> None:
        """Take the answer to the request in flight."""

    def unanswered(self) -> None:
        """The link has gone, and with it the answer."""


class Link(Protocol):
    """What the table needs of the link."""

    def send_packet(self, connection_id: int, content: bytes) -> None:
        """Send one packet to ejabberd."""


class NoLink(Exception):
    """There is no link to ejabberd at the moment."""


class ConnectionTable:
    """Carries requests to the link, and answers back to the clients that wait for them."""

    def __init__(self, first_id: int) -> None:
        self.counters = Counters()
        self._next_id = first_id
        self._waiting: dict[int, Client] = {}
        self._link: Link | None = None

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

    def request(self, connection_id: int, client: Client, body: bytes) -> None:
        """Send a request, whose answer goes to ``client``. Raises NoLink."""
        if self._link is None:
            raise NoLink
        self._waiting[connection_id] = client
        self.counters.requests += 1
        self._link.send_packet(connection_id, body)

    def forget(self, connection_id: int) -> None:
        """The client of an exchange in flight has gone: the answer is for nobody."""
        self._waiting.pop(connection_id, None)

    # From the link.

    def link_up(self, link: Link) -> None:
        self._link = link

    def answer(self, connection_id: int, content: bytes) -> None:
        """Give an answer to the client that waits for it; drop it where none does."""
        client = self._waiting.pop(connection_id, None)
        if client is None:
            self.counters.late += 1
            return
        self.counters.answers += 1
        client.answered(content)

    def link_down(self) -> None:
        """Tell all who wait that their answers will not come."""
        self._link = None
        waiting, self._waiting = self._waiting, {}
        self.counters.lost += len(waiting)
        for client in waiting.values():
            client.unanswered()
