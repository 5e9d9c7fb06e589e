"""What is kept for each user. There are 18,000 of them in a process, so this is little."""

from enum import IntEnum


class Phase(IntEnum):
    """What a user is about: the steps of a login, in their order, and what follows it."""

    CREATING = 0
    AUTHENTICATING = 1
    RESTARTING = 2
    BINDING = 3
    APPEARING = 4
    ONLINE = 5
    LEAVING = 6


NONE = -1  # instead of a file descriptor


class User:
    """``line`` is the connection of the newest request, ``other`` that of the one before, each a
    file descriptor or NONE; the flags say whether an answer is due. As answers come in the order of
    requests, the RID on ``other`` is the one before ``rid``.

    ``asked`` is when the newest request was sent, and while the user logs in, when that began.
    ``said`` has the stanzas of the newest request until it is answered. ``jid`` is only there if it
    is not what the account makes of it; ``sid`` and ``jid`` are as they stand in XML.
    """

    __slots__ = (
        *("number", "phase", "rid", "sid", "jid"),
        *("line", "other", "line_due", "other_due", "asked", "said"),
    )

    def __init__(self, number: int, rid: int, now: float) -> None:
        self.number = number
        self.phase = Phase.CREATING
        self.rid = rid
        self.sid: bytes | None = None
        self.jid: bytes | None = None
        self.line = self.other = NONE
        self.line_due = self.other_due = False
        self.asked = now
        self.said: bytes | None = None
