"""The options of ``twistd ecm`` that are whole numbers, each with its range and its unit."""

import re

import attrs

from ecm import limits

_DAY = limits.MAX_TIMEOUT
_LARGEST = limits.MAX_PACKET_LIMIT


@attrs.frozen
class NumberOption:
    """An option ``--name``, whose value is from ``least`` to ``greatest``."""

    name: str
    default: int
    least: int
    greatest: int
    unit: str
    help: str

    def parse(self, text: str | int) -> int:
        """Return the number. Raises ValueError, which says what to give."""
        number = int(text) if re.fullmatch("[0-9]{1,10}", str(text)) else -1
        if not self.least <= number <= self.greatest:
            raise ValueError(
                f"--{self.name} {text}: give a number of {self.unit}"
                f" from {self.least} to {self.greatest}"
            )
        return number


NUMBERS = [
    NumberOption(
        "max-packet",
        limits.MAX_PACKET,
        limits.MIN_PACKET_LIMIT,
        _LARGEST,
        "bytes",
        "of the longest packet on the link; mod_ecm's max_packet is the same",
    ),
    NumberOption(
        "max-content",
        limits.MAX_CONTENT,
        limits.MIN_PACKET_LIMIT,
        _LARGEST,
        "bytes",
        "of the longest answer that ejabberd sends in several packets; mod_ecm's max_content is the"
        " same",
    ),
    NumberOption(
        "max-queue",
        limits.MAX_QUEUE,
        0,
        _LARGEST,
        "bytes",
        "that may wait to be sent on the link before clients have to wait",
    ),
    NumberOption(
        "queue-timeout",
        limits.QUEUE_TIMEOUT,
        0,
        _DAY,
        "seconds",
        "for which requests wait for a link, or a full one, before they are answered 503",
    ),
    NumberOption(
        "ping-interval",
        limits.PING_INTERVAL,
        1,
        _DAY,
        "seconds",
        "between pings on a typed link",
    ),
    NumberOption(
        "dead-time",
        limits.LINK_TIMEOUT,
        2,
        _DAY,
        "seconds",
        "without a byte from ejabberd after which a typed link is given up",
    ),
    NumberOption(
        "max-head",
        limits.MAX_HEADER_SIZE,
        512,
        _LARGEST,
        "bytes",
        "of a request's target and headers",
    ),
    NumberOption(
        "max-headers",
        limits.MAX_HEADERS,
        8,
        10_000,
        "headers",
        "of a request",
    ),
    NumberOption(
        "max-body",
        limits.MAX_BODY,
        1024,
        _LARGEST,
        "bytes",
        "of a request's body",
    ),
    NumberOption(
        "max-buffered",
        limits.MAX_BUFFERED,
        0,
        _LARGEST,
        "bytes",
        "that connections hold together, in each of the --workers: requests that are not complete"
        " or have to wait, answers that are not taken; 0 for a quarter of the memory that is free",
    ),
    NumberOption(
        "max-connections",
        limits.MAX_CONNECTIONS,
        0,
        _LARGEST,
        "connections",
        "in all, of all --workers; 0 for as many as open files allow",
    ),
    NumberOption(
        "max-connections-per-address",
        limits.MAX_CONNECTIONS_PER_ADDRESS,
        0,
        _LARGEST,
        "connections",
        "from one address, in each of the --workers; 0 for any number, as offices and carriers"
        " share addresses",
    ),
    NumberOption(
        "head-timeout",
        limits.HEADER_TIMEOUT,
        1,
        _DAY,
        "seconds",
        "for the head of a request, from its first byte, and for a TLS handshake",
    ),
    NumberOption(
        "body-timeout",
        limits.BODY_TIMEOUT,
        1,
        _DAY,
        "seconds",
        "for the body of a request",
    ),
    NumberOption(
        "take-timeout",
        limits.SEND_TIMEOUT,
        1,
        _DAY,
        "seconds",
        "in which a client has to take its answer, for each 64 kB",
    ),
    NumberOption(
        "idle-timeout",
        limits.IDLE_TIMEOUT,
        1,
        _DAY,
        "seconds",
        "for which a connection may be idle between requests",
    ),
    NumberOption(
        "drain-timeout",
        limits.DRAIN_TIMEOUT,
        0,
        _DAY,
        "seconds",
        "for which requests in flight are waited for at the end",
    ),
]
