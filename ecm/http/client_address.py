"""The address of a client, also behind proxies that forward requests. Pure.

Each proxy on the way appends, to a header, the address from which it has the request. An entry that
a client puts there itself stands to the left of that. So the right-most entry that is not a trusted
proxy's is the client's; whatever is left of it may be made up.
"""

import re
from collections.abc import Iterator, Sequence
from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Final

import attrs

from ecm.option import option

FORWARDED: Final = "forwarded"
X_FORWARDED_FOR: Final = "x-forwarded-for"

# RFC 7239, section 4. A quoted string may hold what separates entries, a token may not.
_PIECE: Final = re.compile(r'"(?:[^"\\]|\\.)*"|[^",]+|,', re.S)
_FOR: Final = re.compile(r'(?:^|;)\s*for=(?:"((?:[^"\\]|\\.)*)"|([^\s;]*))\s*(?:;|$)', re.I)

# An address as proxies write it: in brackets or not, with a port or without.
_BRACKETS: Final = re.compile(r"\[([0-9A-Fa-f:.]+)\](?::[0-9]{1,5})?")
_PORT: Final = re.compile(r"([0-9.]+):[0-9]{1,5}")


def _header(text: str) -> str:
    if text.lower() not in (X_FORWARDED_FOR, FORWARDED):
        raise ValueError(f"give {X_FORWARDED_FOR} or {FORWARDED}")
    return text.lower()


@attrs.frozen
class TrustedProxies:
    """The proxies that are trusted to tell a client's address, and the header that they set."""

    trusted: tuple[IPv4Network | IPv6Network, ...] = attrs.field(
        default=(),
        metadata=option(
            "network",
            "Network (192.0.2.0/24) of proxies that may name the address of a client.",
            name="trusted-proxy",
            read=ip_network,
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

    def client_address(self, peer: str, headers: Sequence[tuple[bytes, bytes]]) -> str:
        """Return the address of the client; ``peer`` is the connection's other end.

        An entry that is not an address ends the search: the proxy that wrote it is the last one of
        which anything is known.
        """
        known = (_plain(peer) or peer) if ":" in peer else peer
        if not self.trusted or not self._trusts(known):
            return known
        for entry in reversed(list(self._entries(headers))):
            address = _address(entry)
            if address is None:
                break
            known = address
            if not self._trusts(known):
                break
        return known

    def _trusts(self, address: str) -> bool:
        try:
            parsed = ip_address(address)
        except ValueError:
            return False  # a UNIX socket has none
        return any(parsed in network for network in self.trusted)

    def _entries(self, headers: Sequence[tuple[bytes, bytes]]) -> Iterator[str]:
        """Yield what each proxy has said of the one before it, the nearest to us last."""
        name = self.header.encode()
        for key, value in headers:
            if key.lower() == name:
                text = value.decode("latin-1")
                yield from _forwarded(text) if self.header == FORWARDED else text.split(",")


def _forwarded(text: str) -> Iterator[str]:
    """Yield what each entry says of a client, or nothing where it says nothing."""
    for entry in _split(text):
        match = _FOR.search(entry)
        yield match[match.lastindex or 0] if match else ""  # either of the two has matched


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


def _address(entry: str) -> str | None:
    entry = entry.strip()
    match = _BRACKETS.fullmatch(entry) or _PORT.fullmatch(entry)
    return _plain(match[1] if match else entry)


def _plain(address: str) -> str | None:
    """Return an address in its usual spelling, and IPv4 as such where IPv6 carries it.

    A zone is left out: it means something on one host only.
    """
    try:
        parsed = ip_address(address)
    except ValueError:
        return None
    mapped = parsed.ipv4_mapped if isinstance(parsed, IPv6Address) else None
    return str(mapped or parsed).partition("%")[0]
