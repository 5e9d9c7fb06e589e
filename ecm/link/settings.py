"""Settings of a link."""

from enum import Enum

import attrs

from ecm.limits import (
    LINK_GRACE,
    LINK_TIMEOUT,
    MAX_CONTENT,
    MAX_NUMBER,
    MAX_PACKET,
    MAX_PACKET_LIMIT,
    MAX_QUEUE,
    MAX_TIMEOUT,
    MIN_PACKET_LIMIT,
    PING_INTERVAL,
    STREAM_WINDOW,
)
from ecm.option import number, option


class LinkMode(Enum):
    """The contents that packets of a link have: typed, or nothing but bodies."""

    PLAIN = "plain"
    TYPED = "typed"


def _mode(text: str) -> LinkMode:
    try:
        return LinkMode(text)
    except ValueError:
        raise ValueError("give typed or plain") from None


@attrs.frozen
class LinkSettings:
    """Bytes and seconds.

    ``secret`` is known to both ends, or None if there is none. ``max_packet`` is for both
    directions, ``max_content`` for an answer in parts, ``max_queue`` for what waits to be sent,
    ``stream_window`` for what has come on a stream, and its client has not taken.
    """

    mode: LinkMode = attrs.field(
        default=LinkMode.TYPED,
        metadata=option(
            "mode",
            "typed, or plain for a peer that knows nothing else. A plain link carries no addresses"
            " of clients, and ECM takes whoever listens there for ejabberd.",
            name="link-mode",
            read=_mode,
            shown=LinkMode.TYPED.value,
            former="protocol",
        ),
    )
    secret: bytes | None = attrs.field(
        default=None,
        metadata=option(
            "file",
            "File with the secret that both ends of the link share; secret_file of mod_ecm.",
            name="link-secret-file",
        ),
    )
    max_packet: int = attrs.field(
        default=MAX_PACKET,
        metadata=number(
            "bytes",
            MIN_PACKET_LIMIT,
            MAX_PACKET_LIMIT,
            "Length of a packet on the link; max_packet of mod_ecm must be the same.",
        ),
    )
    max_content: int = attrs.field(
        default=MAX_CONTENT,
        metadata=number(
            "bytes",
            MIN_PACKET_LIMIT,
            MAX_PACKET_LIMIT,
            "Length of an answer that ejabberd sends in several packets; max_content of mod_ecm"
            " must be the same.",
        ),
    )
    max_queue: int = attrs.field(
        default=MAX_QUEUE,
        metadata=number(
            "bytes",
            0,
            MAX_NUMBER,
            "High-water mark of the link's send queue: above it ECM stops reading from clients. It"
            " holds packets until ejabberd has acknowledged them.",
        ),
    )
    ping_interval: int = attrs.field(
        default=PING_INTERVAL,
        metadata=number("seconds", 1, MAX_TIMEOUT, "Time between pings on a typed link."),
    )
    link_timeout: int = attrs.field(
        default=LINK_TIMEOUT,
        metadata=number(
            "seconds",
            2,
            MAX_TIMEOUT,
            "Silence of ejabberd after which ECM closes a typed link; on any link, the time for a"
            " packet from its first byte to its last.",
            former="dead-time",
        ),
    )
    link_grace: int = attrs.field(
        default=LINK_GRACE,
        metadata=number(
            "seconds",
            0,
            MAX_TIMEOUT,
            "Time that a link without a connection is kept, while clients wait, until it resumes"
            " over another one; link_grace of mod_ecm. 0: links do not resume.",
        ),
    )
    stream_window: int = attrs.field(
        default=STREAM_WINDOW,
        metadata=number(
            "bytes",
            0,
            MAX_PACKET_LIMIT,
            "Messages that ejabberd may send on a stream before its client has taken them. 0: the"
            " link carries no streams.",
        ),
    )

    @property
    def carries_streams(self) -> bool:
        """True if the link carries streams to an ejabberd that takes them."""
        return self.mode is LinkMode.TYPED and self.stream_window > 0
