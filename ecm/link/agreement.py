"""The agreement of both ends of a typed link, and the link that is to go on under it. Pure."""

import attrs


@attrs.frozen
class Agreement:
    """ejabberd's part of the agreement.

    ``instance`` is its name, ``max_packet`` the bytes of the longest packet that it takes. It sends
    answers in parts, and its links resume, or not. ``window`` is that of its end of each stream, in
    bytes; 0 if the link carries no streams. With ``insight`` it tells of its node and of sessions,
    and with ``leave`` it can be asked to end its part of a stream: that concerns a connection
    alone, so a link may go on with and without.
    """

    instance: str = attrs.field(eq=False)
    max_packet: int
    in_parts: bool
    resumes: bool
    window: int = 0
    insight: bool = attrs.field(default=False, eq=False)
    leave: bool = attrs.field(default=False, eq=False)


@attrs.frozen
class Previous:
    """A link whose connection has ended: its token, the agreement under which it began, numbers.

    ``received`` is the number of the last packet from ejabberd; ejabberd has acknowledged packets
    up to ``acknowledged``, and may have those up to ``sent``.
    """

    token: str
    agreement: Agreement
    received: int
    acknowledged: int
    sent: int
