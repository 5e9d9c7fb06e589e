"""Events of a link: what its owner must do, or pass on. Pure."""

import attrs

from ecm.link.agreement import Agreement


@attrs.frozen
class Send:
    """Send a packet. One that is ``droppable`` may be left out while the link is congested."""

    id: int
    content: bytes
    droppable: bool = False


@attrs.frozen
class Established:
    """The link takes requests: typed, as agreed with an ejabberd; plain for None.

    ``token`` names a link that can resume. ``got`` is None for a new link; otherwise the link goes
    on for which ECM asked, and ejabberd has its packets up to this number.
    """

    agreement: Agreement | None
    token: str = ""
    got: int | None = None


@attrs.frozen
class Acknowledged:
    """ejabberd has the packets up to this number."""

    number: int


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
    """A request gets no answer, and its client's connection must be aborted; or a stream ends.

    ``status`` is the close code for the client of a stream, or None.
    """

    id: int
    reason: str = ""
    status: int | None = None


@attrs.frozen
class Received:
    """A message has come on a stream."""

    id: int
    body: bytes


@attrs.frozen
class Credited:
    """ejabberd gives credit for so many bytes back on a stream."""

    id: int
    size: int


@attrs.frozen
class Left:
    """ejabberd sends no more messages on a stream, and still takes some, until ECM closes it."""

    id: int


@attrs.frozen
class Failed:
    """A request gets no answer, because one end did not understand the other."""

    id: int
    reason: str


@attrs.frozen
class Misdirected:
    """A request is for a session of another node, and comes back. ``line`` and ``body`` are for it.

    They say that it must not come back again.
    """

    id: int
    node: str
    line: bytes
    body: bytes


@attrs.frozen
class PeerDraining:
    """ejabberd takes no new requests."""


@attrs.frozen
class RoundTrip:
    """ejabberd has answered a ping, and perhaps told its load and a name for its cluster."""

    seconds: float
    load: int | None = None
    cluster: str = ""


@attrs.frozen
class Statistics:
    """ejabberd has told numbers of its node, by name."""

    numbers: dict[str, int]


@attrs.frozen
class Inspected:
    """ejabberd has answered a question about sessions, and left out ``more`` of them.

    Each session has fields by name. ``why`` is a code that says why there are none, or empty.
    """

    token: str
    sessions: list[dict[str, str]]
    more: int = 0
    why: str = ""


@attrs.frozen
class Close:
    """Close the connection once everything is sent. It is the last event.

    With ``is_final`` the link must not resume: to go on would repeat a fault. ``why`` is the
    name of the input that has closed it, or what the peer calls its own reason.
    """

    reason: str
    is_final: bool = False
    why: str = attrs.field(default="", eq=False)


Event = (
    Send
    | Established
    | Acknowledged
    | Answered
    | Part
    | Dropped
    | Received
    | Credited
    | Left
    | Failed
    | Misdirected
    | PeerDraining
    | RoundTrip
    | Statistics
    | Inspected
    | Close
)
