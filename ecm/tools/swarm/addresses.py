"""The target of a swarm, and its source addresses."""

import re
import socket
from ipaddress import AddressValueError, IPv4Address, IPv4Network, NetmaskValueError, ip_address
from typing import NamedTuple
from urllib.parse import urlsplit

# Connections from one address to one port. The kernel hands out the ports of one parity first
# (14,116 of them); its search for those of the other is so long that connecting becomes very slow.
CONNECTIONS_PER_SOURCE = 14_000

_VISIBLE = re.compile(r"[!-~]+")

MAX_SOURCES = 65_536  # nobody needs more, and a typing error in a range must not fill the memory


# The transports, and when TLS begins.
BOSH, WEBSOCKET, TCP, TLS = "bosh", "websocket", "tcp", "tls"
TRANSPORTS = (BOSH, WEBSOCKET, TCP, TLS)
NO_TLS, STARTTLS, DIRECT_TLS = "", "starttls", "direct"


class _Scheme(NamedTuple):
    """The meaning of a scheme of URLs: the port; each transport, the usual one first, with the
    TLS that it has then."""

    port: int
    transports: dict[str, str]


_SCHEMES = {
    "http": _Scheme(80, {BOSH: NO_TLS, WEBSOCKET: NO_TLS}),
    "https": _Scheme(443, {BOSH: DIRECT_TLS, WEBSOCKET: DIRECT_TLS}),
    "ws": _Scheme(80, {WEBSOCKET: NO_TLS}),
    "wss": _Scheme(443, {WEBSOCKET: DIRECT_TLS}),
    "xmpp": _Scheme(5222, {TCP: NO_TLS, TLS: STARTTLS}),
    "xmpps": _Scheme(5223, {TLS: DIRECT_TLS}),
}
_FORMS = (
    "http:// or https://HOST:PORT/PATH (BOSH), ws:// or wss:// (WebSocket),"
    " xmpp://HOST:PORT (TCP) or xmpps:// (TCP over TLS)"
)


class Target(NamedTuple):
    """A server that users come to: its URL, and the address that this resolves to.

    ``tls`` says when TLS begins. ``host`` and ``path`` are for HTTP.
    """

    url: str
    transport: str
    tls: str
    address: str
    port: int
    host: str
    path: str

    @property
    def is_loopback(self) -> bool:
        return ip_address(self.address).is_loopback


def target(url: str, transport: str | None = None) -> Target:
    """Parse a URL; without a transport it is the usual one of its scheme.

    Raises ValueError with advice.
    """
    parts = urlsplit(url)
    scheme = _SCHEMES.get(parts.scheme)
    if scheme is None or not parts.hostname or parts.username:
        raise ValueError(f"{url!r}: give the URL of a server, {_FORMS}")
    if not _VISIBLE.fullmatch(url):
        raise ValueError(f"{url!r}: percent-encode everything but visible ASCII")
    transport = transport or next(iter(scheme.transports))
    if transport not in scheme.transports:
        can = " or ".join(scheme.transports)
        raise ValueError(f"--transport {transport} and {parts.scheme}://: that URL is for {can}")
    port = parts.port or scheme.port  # raises ValueError with a text if it is not a port
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    if transport in (TCP, TLS) and path != "/":
        raise ValueError(f"{url!r}: give {parts.scheme}://HOST:PORT, without a path")
    address = _resolved(parts.hostname, port)
    return Target(url, transport, scheme.transports[transport], address, port, parts.netloc, path)


def _resolved(host: str, port: int) -> str:
    try:
        found = socket.getaddrinfo(host, port, socket.AF_INET, socket.SOCK_STREAM)
    except OSError as error:
        raise ValueError(f"{host}: {error.strerror}; give a name or an address of IPv4") from None
    return str(found[0][4][0])


def sources(text: str) -> list[str]:
    """``127.1.0.1-127.1.0.110`` or ``127.1.0.0/25`` or one address; several with commas between.

    Raises ValueError with advice.
    """
    found: list[str] = []
    for part in text.split(","):
        first, count = _range(part)
        if count < 1 or len(found) + count > MAX_SOURCES:
            raise ValueError(f"{part!r}: give from 1 to {MAX_SOURCES} addresses, the least first")
        found.extend(str(first + number) for number in range(count))
    return found


def _range(part: str) -> tuple[IPv4Address, int]:
    """Return the first address, and their number."""
    try:
        if "/" in part:
            network = IPv4Network(part)
            return network.network_address, network.num_addresses
        first, _, last = part.partition("-")
        return IPv4Address(first), int(IPv4Address(last or first)) - int(IPv4Address(first)) + 1
    except (AddressValueError, NetmaskValueError, ValueError):
        raise ValueError(f"{part!r}: give ADDRESS, ADDRESS-ADDRESS or ADDRESS/BITS") from None
