"""Events of a link: what its owner must do, or pass on. Pure."""

import attrs

from ecm.link.message import Message


@attrs.frozen
class Send:
    """Send a packet. One that is ``droppable`` may be left out while the link is congested."""

    id: int
    content: bytes
    droppable: bool = False


@attrs.frozen
class Established:
    """The link takes requests: typed, with the ejabberd that ``hello`` names; plain for None."""

    hello: Message | None


@attrs.frozen
class Answered:
    """A request has its answer; ``content_type`` is None for the default."""

    id: int
    status: int
    body: bytes
    content_type: str | None = None


@attrs.frozen
class Part:
    """An answer begins, or goes on; its last part will be ``Answered``."""

    id: int
    body: bytes


@attrs.frozen
class Dropped:
    """A request gets no answer, and its client's connection must be aborted."""

    id: int


@attrs.frozen
class Failed:
    """A request gets no answer, because one end did not understand the other."""

    id: int
    reason: str


@attrs.frozen
class PeerDraining:
    """ejabberd takes no new requests."""


@attrs.frozen
class RoundTrip:
    """ejabberd has answered a ping."""

    seconds: float


@attrs.frozen
class Close:
    """Close the link once everything is sent. It is the last event."""

    reason: str


Event = Send | Established | Answered | Part | Dropped | Failed | PeerDraining | RoundTrip | Close
