"""The client's end of a BOSH session: RIDs and the SID (XEP-0124). Sans-IO."""

import random
from enum import IntEnum
from typing import Protocol

from ecm.tools.bosh.body import body, creation_body

_MAX_FIRST_RID = 2**31  # far enough from 2^53, which no RID may reach (XEP-0124, section 14.1)


class Phase(IntEnum):
    """The steps of a login, in their order, and what follows it."""

    CREATING = 0
    AUTHENTICATING = 1
    RESTARTING = 2
    BINDING = 3
    APPEARING = 4
    ONLINE = 5
    LEAVING = 6


class Client(Protocol):
    """A client that logs in, by whatever transport; ``stanzas`` are what it has still to say.

    ``jid``, the full JID that the server has bound, is as it stands in XML.
    """

    phase: Phase
    jid: bytes | None
    stanzas: bytes


class Session:
    """``rid`` is that of the newest request; ``stanzas`` are what it carries.

    ``sid`` and ``jid``, the full JID that the server has bound, are as they stand in XML.
    """

    __slots__ = ("rid", "sid", "phase", "jid", "stanzas")

    def __init__(self, rid: int | None = None) -> None:
        self.rid = random.randrange(1, _MAX_FIRST_RID) if rid is None else rid
        self.sid = b""
        self.phase = Phase.CREATING
        self.jid: bytes | None = None
        self.stanzas = b""

    def next_body(self, stanzas: bytes = b"", attributes: bytes = b"") -> bytes:
        """Return the body of the next request."""
        self.rid += 1
        return self.body(self.rid, stanzas, attributes)

    def body(self, rid: int, stanzas: bytes = b"", attributes: bytes = b"") -> bytes:
        """Return the body of a request out of order, or again."""
        if not self.sid:
            return creation_body(rid, stanzas, attributes)
        return body(rid, self.sid, stanzas, attributes)
