"""The state of one user. A process has 18,000 of them, so this is little."""

from ecm.tools.bosh.session import Session

NONE = -1  # instead of a file descriptor


class User(Session):
    """A session on two connections.

    ``line`` is the connection of the newest request, ``other`` that of the one before, each a
    file descriptor or NONE; the flags say whether an answer is due. As answers come in the order of
    requests, the RID on ``other`` is the one before ``rid``.

    ``asked`` is when the newest request was sent, and while the user logs in, when that began.
    ``jid`` is only there if it is not what the account makes of it.
    """

    __slots__ = ("number", "line", "other", "line_due", "other_due", "asked")

    def __init__(self, number: int, rid: int | None, now: float) -> None:
        super().__init__(rid)
        self.number = number
        self.line = self.other = NONE
        self.line_due = self.other_due = False
        self.asked = now
