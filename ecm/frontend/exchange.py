"""An exchange: a request of a client, and the answer to it."""

from typing import Protocol


class Client(Protocol):
    """What an exchange needs of the connection that it is on."""

    def answered(
        self, exchange: "Exchange", status: int, body: bytes, content_type: str | None
    ) -> None:
        """Answer with what the session has said, and its Content-Type, if it is not the usual."""

    def refused(self, exchange: "Exchange", why: str) -> None:
        """Answer that the session could not be asked."""

    def dropped(self) -> None:
        """Close the connection at once."""


class Exchange:
    """A request in flight, until its answer is written.

    ``id`` is that on the link. ``cors`` and ``connection`` are header lines of the answer.
    ``response`` is there as soon as it is known: an earlier request of the connection may still
    wait for its own.
    """

    __slots__ = ("client", "connection", "cors", "id", "response")

    def __init__(self, client: Client, connection: bytes, cors: bytes) -> None:
        self.client = client
        self.connection = connection
        self.cors = cors
        self.id = 0
        self.response: bytes | None = None

    def answered(self, status: int, body: bytes, content_type: str | None) -> None:
        """Take the session's answer."""
        self.client.answered(self, status, body, content_type)

    def refused(self, why: str) -> None:
        """There will be none, for a reason that is not the client's."""
        self.client.refused(self, why)

    def dropped(self) -> None:
        """There will be none, and ejabberd wants the client dropped."""
        self.client.dropped()
