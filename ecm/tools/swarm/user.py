"""The state of one user. A process has 18,000 of them, so this is little."""

from typing import Protocol

from ecm.tools.bosh.session import Client, Phase, Session

NONE = -1  # instead of a file descriptor


class User(Client, Protocol):
    """A user of whatever transport.

    ``asked`` is when the newest request was sent, and while the user logs in, when that began.
    ``jid`` is only there if it is not what the account makes of it.
    """

    number: int
    asked: float


class BoshUser(Session):
    """A session on two connections.

    ``line`` is the connection of the newest request, ``other`` that of the one before, each a
    file descriptor or NONE; the flags say whether an answer is due. As answers come in the order of
    requests, the RID on ``other`` is the one before ``rid``.
    """

    __slots__ = ("number", "line", "other", "line_due", "other_due", "asked")

    def __init__(self, number: int, rid: int | None, now: float) -> None:
        super().__init__(rid)
        self.number = number
        self.line = self.other = NONE
        self.line_due = self.other_due = False
        self.asked = now


class StreamUser:
    """A stream on the connection ``line``, a file descriptor or NONE."""

    __slots__ = ("number", "line", "phase", "jid", "stanzas", "asked")

    def __init__(self, number: int, now: float) -> None:
        self.number = number
        self.line = NONE
        self.phase = Phase.CREATING
        self.jid: bytes | None = None
        self.stanzas = b""
        self.asked = now
