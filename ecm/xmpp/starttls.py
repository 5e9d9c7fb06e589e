"""The stream before TLS: the client asks for STARTTLS, or is sent away (RFC 6120, section 5).

Nothing that comes before TLS counts after it: what stands behind ``<starttls/>`` is dropped if it
is white space, as some clients send, and ends the stream otherwise.
"""

from collections.abc import Mapping
from enum import Enum
from typing import Final

import attrs

from ecm.limits import MAX_BEFORE_TLS
from ecm.xmpp.errors import (
    BAD_FORMAT,
    BAD_PREFIX,
    END,
    IMPROPER_ADDRESSING,
    INVALID_NAMESPACE,
    POLICY_VIOLATION,
    UNSUPPORTED_VERSION,
    StreamError,
    error,
    header,
)
from ecm.xmpp.tags import WHITE_SPACE, Tag, is_declaration, parse, split

_TLS: Final = "urn:ietf:params:xml:ns:xmpp-tls"
_STREAMS: Final = "http://etherx.jabber.org/streams"
_FEATURES: Final = (
    f"<stream:features><starttls xmlns='{_TLS}'><required/></starttls></stream:features>".encode()
)
_PROCEED: Final = f"<proceed xmlns='{_TLS}'/>".encode()


class Awaits(Enum):
    """The state: what is to come next."""

    BEGINNING = 1  # the declaration of XML, or the header
    HEADER = 2
    STARTTLS = 3
    END_OF_STARTTLS = 4  # </starttls>
    TLS = 5
    NOTHING = 6  # the stream has ended


@attrs.frozen
class Step:
    """The outcome of some bytes: ``reply`` is to be sent.

    Behind it TLS ``begins``; or the stream ``ends``, in peace or for ``fault``, which is a
    condition of ``errors``.
    """

    reply: bytes = b""
    begins: bool = False
    ends: bool = False
    fault: str = ""


class StartTls:
    """One stream until TLS. ``stream`` is its ID."""

    __slots__ = ("_awaits", "_rest", "_room", "_stream")

    def __init__(self, stream: str) -> None:
        self._stream = stream
        self._awaits = Awaits.BEGINNING
        self._rest = b""
        # Bytes that may still come.
        self._room = MAX_BEFORE_TLS

    @property
    def held(self) -> int:
        """The bytes that wait for others."""
        return len(self._rest)

    def receive(self, data: bytes) -> Step:
        """Take bytes from the client. Nothing counts once TLS has begun, or the stream ended."""
        if self._is_over:
            return Step()
        replies: list[bytes] = []
        try:
            self._take(data, replies)
        except StreamError as fault:
            return self.fail(fault.condition, b"".join(replies))
        return Step(
            b"".join(replies),
            begins=self._awaits is Awaits.TLS,
            ends=self._awaits is Awaits.NOTHING,
        )

    @property
    def _is_over(self) -> bool:
        return self._awaits in (Awaits.TLS, Awaits.NOTHING)

    def fail(self, condition: str, before: bytes = b"") -> Step:
        """End the stream with an error, behind a reply."""
        if self._awaits in (Awaits.BEGINNING, Awaits.HEADER):
            before += header(self._stream)
        self._awaits, self._rest = Awaits.NOTHING, b""
        return Step(before + error(condition), ends=True, fault=condition)

    def _take(self, data: bytes, replies: list[bytes]) -> None:
        self._rest += data[: self._room]
        too_much = data[self._room :]
        self._room -= len(data) - len(too_much)
        while not self._is_over:
            found = split(self._next_beginning())
            if found is None:
                if too_much:
                    raise StreamError(POLICY_VIOLATION)
                return
            tag, self._rest = found
            replies.append(self._next(tag))
        behind, self._rest = self._rest + too_much, b""
        if self._awaits is Awaits.TLS and behind.strip(WHITE_SPACE):
            replies.pop()  # which would have been <proceed/>
            raise StreamError(POLICY_VIOLATION)

    def _next_beginning(self) -> bytes:
        """Return what waits, without the white space before it: no declaration stands behind it."""
        stripped = self._rest.lstrip(WHITE_SPACE)
        if self._awaits is Awaits.BEGINNING and stripped != self._rest:
            self._awaits = Awaits.HEADER
        self._rest = stripped
        return stripped

    def _next(self, tag: bytes) -> bytes:
        """Take the next tag, and return the reply. Raises StreamError."""
        match self._awaits:
            case Awaits.BEGINNING if is_declaration(tag):
                self._awaits = Awaits.HEADER
                return b""
            case Awaits.BEGINNING | Awaits.HEADER:
                addresses = _addresses(parse(tag))
                self._awaits = Awaits.STARTTLS
                return header(self._stream, addresses) + _FEATURES
            case Awaits.STARTTLS:
                return self._begin(parse(tag))
            case _:
                return self._end(parse(tag))

    def _begin(self, tag: Tag) -> bytes:
        """Take the tag behind the header."""
        if tag == Tag("stream:stream", is_end=True):
            self._awaits = Awaits.NOTHING
            return END
        if tag.is_end or (tag.name, tag.attributes) != ("starttls", {"xmlns": _TLS}):
            raise StreamError(POLICY_VIOLATION)
        self._awaits = Awaits.TLS if tag.is_empty else Awaits.END_OF_STARTTLS
        return _PROCEED if tag.is_empty else b""

    def _end(self, tag: Tag) -> bytes:
        """Take the tag behind ``<starttls>``."""
        if tag != Tag("starttls", is_end=True):
            raise StreamError(POLICY_VIOLATION)
        self._awaits = Awaits.TLS
        return _PROCEED


def _addresses(tag: Tag) -> str:
    """Return the addresses of our header, for that of the client. Raises StreamError."""
    prefix, _, name = tag.name.rpartition(":")
    if name != "stream" or tag.is_end or tag.is_empty:
        raise StreamError(BAD_FORMAT)
    if prefix != "stream":
        raise StreamError(BAD_PREFIX)
    given = tag.attributes
    if (given.get("xmlns"), given.get("xmlns:stream")) != ("jabber:client", _STREAMS):
        raise StreamError(INVALID_NAMESPACE)
    if not _is_version_1(given.get("version", "")):
        raise StreamError(UNSUPPORTED_VERSION)
    if not given.get("to"):
        raise StreamError(IMPROPER_ADDRESSING)
    return _attribute("from", given["to"]) + _back(given)


def _back(given: Mapping[str, str]) -> str:
    """Return the attribute ``to``, if the client has said who it is (section 4.7.2)."""
    return _attribute("to", given["from"]) if "from" in given else ""


def _attribute(name: str, value: str) -> str:
    """Return an attribute whose value is written as another one was, in any quotes."""
    escaped = value.replace("'", "&apos;")
    return f" {name}='{escaped}'"


def _is_version_1(text: str) -> bool:
    """Return whether a version is 1.0 or above, of which 1.0 is spoken (section 4.7.5)."""
    major, dot, minor = text.partition(".")
    return bool(dot) and major.isdecimal() and minor.isdecimal() and int(major) > 0
