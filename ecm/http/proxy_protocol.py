"""The PROXY protocol's header, versions 1 and 2 (HAProxy's proxy-protocol.txt). Pure.

A proxy that forwards bytes and not requests sends it first on each connection, to tell whose
connection it is.
"""

import re
from ipaddress import AddressValueError, IPv4Address, IPv6Address
from typing import Final

import attrs

from ecm.http.client_address import as_meant
from ecm.limits import MAX_PROXY_HEADER

# Section 2.1: the longest line of version 1, its CRLF included.
_MAX_V1: Final = 107
_V1: Final = re.compile(
    rb"PROXY (?:UNKNOWN(?: [^\r\n]*)?"
    rb"|TCP4 ([0-9.]{7,15}) [0-9.]{7,15} ([0-9]{1,5}) [0-9]{1,5}"
    rb"|TCP6 ([0-9A-Fa-f:.]{2,39}) [0-9A-Fa-f:.]{2,39} ([0-9]{1,5}) [0-9]{1,5})\r\n"
)

# Section 2.2: signature, then version and command, family, length of what follows.
_SIGNATURE: Final = b"\r\n\r\n\0\r\nQUIT\n"
_V2_SIZE: Final = 16
_LOCAL, _PROXY = 0x20, 0x21
_TCP4, _TCP6 = 0x11, 0x21

# Section 2.2.5: an extension that begins with a byte of flags, of which one says that the client
# has connected over TLS.
_SSL: Final = 0x20
_OVER_TLS: Final = 0x01


class ProxyHeaderError(ValueError):
    """The connection does not begin with a PROXY header."""


@attrs.frozen
class ProxyHeader:
    """``size`` bytes of header. ``source`` is the client's address and port, and whether it has
    connected over TLS; None where the proxy does not say that.

    It is None where the proxy speaks for itself, or knows of no address.
    """

    size: int
    source: tuple[str, int, bool | None] | None


def parse(data: bytes) -> ProxyHeader | None:
    """Return the header with which ``data`` begins, or None while it is not complete.

    Raises ProxyHeaderError as soon as it can be none.
    """
    if data[: len(_SIGNATURE)] == _SIGNATURE[: len(data)]:
        return _parse_v2(data)
    if data[:6] == b"PROXY "[: len(data)]:
        return _parse_v1(data)
    raise ProxyHeaderError("no PROXY header")


def _parse_v1(data: bytes) -> ProxyHeader | None:
    line, end, _ = data[:_MAX_V1].partition(b"\r\n")
    if not end:
        if len(data) >= _MAX_V1:
            raise ProxyHeaderError("the line is too long")
        return None
    match = _V1.fullmatch(line + end)
    if match is None:
        raise ProxyHeaderError("the line is malformed")
    return ProxyHeader(len(line) + len(end), _v1_source(match))


def _v1_source(match: re.Match[bytes]) -> tuple[str, int, None] | None:
    address4, port4, address6, port6 = match.groups()
    if address4 is None and address6 is None:
        return None
    port = int(port4 or port6)
    if port > 65_535:
        raise ProxyHeaderError("there is no such port")
    try:
        address = IPv6Address(address6.decode()) if address6 else IPv4Address(address4.decode())
    except AddressValueError:
        raise ProxyHeaderError("there is no such address") from None
    return str(as_meant(address)), port, None


def _parse_v2(data: bytes) -> ProxyHeader | None:
    if len(data) < _V2_SIZE:
        return None
    command, family = data[12], data[13]
    if command not in (_LOCAL, _PROXY):
        raise ProxyHeaderError("neither version 2, nor a command it has")
    size = _V2_SIZE + int.from_bytes(data[14:16])
    if size > MAX_PROXY_HEADER:
        raise ProxyHeaderError("the header is too long")
    if len(data) < size:
        return None
    return ProxyHeader(size, _v2_source(command, family, data[_V2_SIZE:size]))


def _v2_source(command: int, family: int, addresses: bytes) -> tuple[str, int, bool | None] | None:
    if command == _LOCAL or family not in (_TCP4, _TCP6):
        return None  # section 2.2: use the connection's own address
    width = 4 if family == _TCP4 else 16
    if len(addresses) < 2 * width + 4:
        raise ProxyHeaderError("the addresses are cut off")
    source = addresses[:width]
    address = IPv4Address(source) if width == 4 else IPv6Address(source)
    ports = 2 * width
    over_tls = _is_over_tls(addresses[ports + 4 :])
    return str(as_meant(address)), int.from_bytes(addresses[ports : ports + 2]), over_tls


def _is_over_tls(extensions: bytes) -> bool | None:
    """Return what the extension says that is about TLS. An extension that is cut off is ignored, as
    is all behind it."""
    while len(extensions) >= 3:
        kind, size = extensions[0], int.from_bytes(extensions[1:3])
        value, extensions = extensions[3 : 3 + size], extensions[3 + size :]
        if kind == _SSL and value and len(value) == size:
            return bool(value[0] & _OVER_TLS)
    return None
