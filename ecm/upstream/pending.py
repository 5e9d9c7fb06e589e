"""What the link's side knows of a request that waits for its answer."""

from typing import Final, Protocol

NOT_UNDERSTOOD: Final = "The front end and the chat server do not understand each other"


class Waiting(Protocol):
    """A request that waits for its answer."""

    id: int

    def answered(self, status: int, body: bytes, content_type: str | None) -> None:
        """Take the session's answer, and its Content-Type, if that is not the usual one."""

    def refused(self, why: str) -> None:
        """There will be none, for a reason that is not the client's."""

    def dropped(self) -> None:
        """There will be none, and ejabberd wants the client dropped."""
