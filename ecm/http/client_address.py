"""The address of a client, and whether it has TLS, also behind proxies that forward requests. Pure.

Each proxy on the way appends, to a header, the address from which it has the request. An entry that
a client puts there itself stands to the left of that. So the right-most entry that is not a trusted
proxy's is the client's; whatever is left of it may be made up.

The scheme stands beside the address in Forwarded (``proto``). X-Forwarded-For has a header beside
it, X-Forwarded-Proto, which proxies overwrite or pass on; so its right-most value counts.
"""

import re
from collections.abc import Iterator, Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Final

import attrs

from ecm.option import option

FORWARDED: Final = "forwarded"
X_FORWARDED_FOR: Final = "x-forwarded-for"
_X_FORWARDED_PROTO: Final = b"x-forwarded-proto"

_Headers = Sequence[tuple[bytes, bytes]]

# RFC 7239, section 4. A quoted string may hold what separates entries, a token may not.
_PIECE: Final = re.compile(r'"(?:[^"\\]|\\.)*"|[^",]+|,', re.S)
_PARAMETER: Final = r'(?:^|;)\s*%s=(?:"((?:[^"\\]|\\.)*)"|([^\s;]*))\s*(?:;|$)'
_FOR: Final = re.compile(_PARAMETER % "for", re.I)
_PROTO: Final = re.compile(_PARAMETER % "proto", re.I)

# An address as proxies write it: in brackets or not, with a port or without.
_BRACKETS: Final = re.compile(r"\[([0-9A-Fa-f:.]+)\](?::[0-9]{1,5})?")
_PORT: Final = re.compile(r"([0-9.]+):[0-9]{1,5}")


def _header(text: str) -> str:
    if text.lower() not in (X_FORWARDED_FOR, FORWARDED):
        raise ValueError(f"give {X_FORWARDED_FOR} or {FORWARDED}")
    return text.lower()


def _network(text: str) -> IPv4Network | IPv6Network:
    try:
        return ip_network(text)
    except ValueError:
        pass
    try:
        meant = str(ip_network(text, strict=False))
    except ValueError:
        meant = "an address or a network, as 192.0.2.7 or 192.0.2.0/24"
    raise ValueError(f"give {meant}")


@attrs.frozen
class TrustedProxies:
    """The proxies that are trusted to tell a client's address, and the header that they set."""

    trusted: tuple[IPv4Network | IPv6Network, ...] = attrs.field(
        default=(),
        metadata=option(
            "network",
            "Network (192.0.2.0/24) of proxies that may name the address of a client.",
            name="trusted-proxy",
            read=_network,
            collect=tuple,
        ),
    )
    header: str = attrs.field(
        default=X_FORWARDED_FOR,
        metadata=option(
            "header",
            f"Header in which these proxies name it: {X_FORWARDED_FOR} or {FORWARDED}.",
            name="proxy-header",
            read=_header,
        ),
    )

    def client(self, peer: str, headers: _Headers) -> tuple[str, bool | None]:
        """Return the address of the client, and whether its connection is encrypted: None where no
        trusted proxy has said it. ``peer`` is the connection's other end.

        An entry that is not an address ends the search: the proxy that wrote it is the last one of
        which anything is known.
        """
        known = _parsed(peer) if self.trusted else None
        if known is None:  # a UNIX socket has no address
            return peer, None
        scheme = ""
        if self._trusts(known):
            for entry, said in self._entries(headers):
                scheme = said
                address = _address(entry)
                known = address or known
                if address is None or not self._trusts(known):
                    break
        return _plain(known), _is_encrypted(scheme)

    def _trusts(self, address: IPv4Address | IPv6Address) -> bool:
        return any(address in network for network in self.trusted)

    def _entries(self, headers: _Headers) -> Iterator[tuple[str, str]]:
        """Yield what each proxy has said of the address and the scheme of the one before it, the
        nearest to us first."""
        return _forwarded(headers) if self.header == FORWARDED else _x_forwarded(headers)


def _forwarded(headers: _Headers) -> Iterator[tuple[str, str]]:
    for text in reversed(_values(headers, FORWARDED.encode())):
        for entry in reversed(list(_split(text))):
            yield _parameter(_FOR, entry), _parameter(_PROTO, entry)


def _parameter(pattern: re.Pattern[str], entry: str) -> str:
    match = pattern.search(entry)
    return match[match.lastindex or 0] if match else ""  # either of the two has matched


def _x_forwarded(headers: _Headers) -> Iterator[tuple[str, str]]:
    """The scheme is known also where no address is."""
    schemes = _values(headers, _X_FORWARDED_PROTO)
    scheme = schemes[-1].rpartition(",")[2] if schemes else ""
    for text in reversed(_values(headers, X_FORWARDED_FOR.encode())):
        for entry in reversed(text.split(",")):
            yield entry, scheme
    if scheme:
        yield "", scheme


def _values(headers: _Headers, name: bytes) -> list[str]:
    return [value.decode("latin-1") for key, value in headers if key.lower() == name]


def _is_encrypted(scheme: str) -> bool | None:
    scheme = scheme.strip().lower()
    return scheme == "https" if scheme else None


def _split(text: str) -> Iterator[str]:
    """Yield the entries: what is between commas, but for those in quoted strings.

    A quote that no other ends begins no string, and there is none behind it: no byte is looked at
    more than a few times.
    """
    start = end = 0
    while piece := _PIECE.match(text, end):
        if piece[0] == "," and start < end:
            yield text[start:end]
        end = piece.end()
        start = end if piece[0] == "," else start
    if start < end:
        yield text[start:end]
    if end < len(text):
        yield from text[end:].split(",")


def _address(entry: str) -> IPv4Address | IPv6Address | None:
    entry = entry.strip()
    match = _BRACKETS.fullmatch(entry) or _PORT.fullmatch(entry)
    return _parsed(match[1] if match else entry)


def _parsed(text: str) -> IPv4Address | IPv6Address | None:
    try:
        return as_meant(ip_address(text))
    except ValueError:
        return None


def as_meant(address: IPv4Address | IPv6Address) -> IPv4Address | IPv6Address:
    """Return IPv4 as such where IPv6 carries it (RFC 4291, section 2.5.5.2)."""
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address


def _plain(address: IPv4Address | IPv6Address) -> str:
    """Return the usual spelling, without a zone, which means something on one host only."""
    return str(address).partition("%")[0]
