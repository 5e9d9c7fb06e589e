"""Partners of ejabberd as the upstream side knows them: exchanges and streams. Pure."""

from typing import Final, Protocol

# Reasons for which a request is not answered, as its client is told.
NO_LINK: Final = "The front end is up, but has no link to the chat server"
CONGESTED: Final = "The chat server is too slow at the moment"
STOPPING: Final = "The chat server is stopping"
NOT_UNDERSTOOD: Final = "The front end and the chat server do not understand each other"
NO_STREAMS: Final = "The chat server takes requests only"

# The same, in the words in which they are counted.
COUNTED_AS: Final = {
    NO_LINK: "no_link",
    CONGESTED: "full",
    STOPPING: "stops",
    NOT_UNDERSTOOD: "misunderstood",
    NO_STREAMS: "no_streams",
}


class Partner(Protocol):
    """Whoever has an ID on a link. ``id`` names it there."""

    id: int

    def rejected(self, why: str) -> None:
        """Nothing more will come, through no fault of the client."""

    def release(self) -> None:
        """ECM stops: see to it that the client comes back to another one soon."""


class Pending(Partner, Protocol):
    """A request that waits for its answer.

    One of ``answered``, ``rejected`` and ``dropped`` is called, once, unless the pool is told to
    cancel it before.
    """

    def renamed(self, connection_id: int) -> None:
        """Take an ID for a request that is sent again: another one if another node gets it."""

    def answered(self, status: int, body: bytes, content_type: str | None) -> None:
        """Take the answer; ``content_type`` is None for the default."""

    def rejected(self, why: str) -> None:
        """There will be no answer, through no fault of the client."""

    def dropped(self) -> None:
        """There will be no answer: ejabberd wants the client's connection aborted."""

    def release(self) -> None:
        """ECM stops: ask for the answer to come soon, if the client's connection ends with it."""
