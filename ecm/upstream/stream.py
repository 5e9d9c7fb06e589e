"""A stream as the upstream side knows it: a client's connection with many messages. Pure."""

from typing import Protocol

from ecm.link.credit import Counts
from ecm.upstream.pending import Partner


class Stream(Partner, Counts, Protocol):
    """A client that talks to one session of ejabberd, over one link, until either has gone.

    ``sent`` and ``owed`` are counted by the link. After ``closed`` or ``rejected``, and after the
    pool has been told to cancel it, nothing is called any more.
    """

    def received(self, message: bytes) -> None:
        """Pass a message on to the client."""

    def more(self) -> None:
        """Ask again whether a message may be sent, where it has been denied before."""

    def left(self) -> None:
        """Close ECM's end of the client's connection behind all messages: no more will come.

        What the client sends until it has closed its own still counts.
        """

    def closed(self, reason: str, status: int | None) -> None:
        """Close the client's connection behind what waits for it: ejabberd has ended the stream.

        ``status`` is the close code for a client that expects one, or None.
        """

    def rejected(self, why: str) -> None:
        """Close the client's connection: the link is lost, or one end is wrong about the stream."""

    def release(self) -> None:
        """ECM stops: see to it that the client comes back to another one soon."""
