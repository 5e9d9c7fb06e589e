"""The interface of a wire: what carries the elements of a stream, as bytes on a connection. Pure.

A wire knows nothing of its connections, so that one is enough for all of a process. What it cannot
use yet, the caller keeps and gives again, with what comes behind.
"""

from typing import NamedTuple, Protocol


class Opening(NamedTuple):
    """A step before the stream begins: ``says`` is to be sent.

    ``ready`` is whether the stream may begin now, ``secures`` whether TLS has to begin before;
    ``rest`` is what has come behind the step.
    """

    says: bytes = b""
    ready: bool = False
    secures: bool = False
    rest: bytes = b""


class Heard(NamedTuple):
    """``text`` has whole elements, one behind the other; ``reply`` is to be sent.

    ``rest`` is not whole yet. ``ended`` says how the server has ended the stream, "" if it has not.
    """

    text: bytes
    reply: bytes = b""
    rest: bytes = b""
    ended: str = ""


class Refused(Exception):
    """The server takes no stream; the text says why. It may in ``retry_after`` seconds, if any."""

    def __init__(self, why: str, retry_after: int = 0) -> None:
        super().__init__(why)
        self.retry_after = retry_after


class Wire(Protocol):
    """``greeting`` is the first that is sent on a connection; with none the stream begins at once.

    ``header`` begins a stream, for the first time or again; ``farewell`` ends it.
    """

    greeting: bytes
    header: bytes
    farewell: bytes

    def opening(self, data: bytes) -> Opening | None:
        """Take what has come before the stream begins; None while it is incomplete.

        Raises BadAnswer, Refused.
        """

    def wrapped(self, element: bytes) -> bytes:
        """Return an element as it is sent."""

    def heard(self, data: bytes) -> Heard:
        """Take what has come of a stream. Raises BadAnswer."""
