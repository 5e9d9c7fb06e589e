"""Credit on a stream: what each end may send before the other has taken it. Pure.

docs/protocol.md has the rules ("Streams"). A message counts with the length of its packet, so that
short ones are not for nothing.
"""

from typing import Final, Protocol

import attrs

from ecm.link.message import MESSAGE
from ecm.link.packet import HEADER_SIZE

# The window of an end that does not tell it, in bytes.
DEFAULT_WINDOW: Final = 65_536

# Bytes around the body of a message.
OVERHEAD: Final = HEADER_SIZE + len(MESSAGE)


class Counts(Protocol):
    """The bytes of one stream: those ``sent`` and not given back, those ``owed`` and not either.

    Both begin at 0, and only ``Windows`` changes them.
    """

    sent: int
    owed: int


@attrs.frozen
class Windows:
    """The windows of all streams on one link in bytes: that of this end, and that of the peer."""

    own: int
    peer: int

    def may_send(self, counts: Counts) -> bool:
        """Return whether there is credit for another message, however long."""
        return counts.sent < self.peer

    def send(self, counts: Counts, body: bytes) -> None:
        """Count a message that this end sends."""
        counts.sent += OVERHEAD + len(body)

    def credit(self, counts: Counts, size: int) -> bool:
        """Count what the peer gives back. Returns whether it can have had so much."""
        counts.sent -= size
        return counts.sent >= 0

    def receive(self, counts: Counts, body: bytes) -> bool:
        """Count a message of the peer. Returns whether it had credit for it."""
        had_credit = counts.owed < self.own
        counts.owed += OVERHEAD + len(body)
        return had_credit

    def give_back(self, counts: Counts) -> int:
        """Return what to give back, now that all that has come is taken; 0 if it is too little."""
        if 2 * counts.owed < self.own:
            return 0
        size, counts.owed = counts.owed, 0
        return size
