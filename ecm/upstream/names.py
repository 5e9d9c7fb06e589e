"""Names that stand for all nodes of a cluster, as --upstream has them. Pure.

::

    dns:tcp:HOST:PORT      all addresses of a host
    srv:tcp:NAME           all hosts and ports in the SRV records of a name (RFC 2782)

``tls`` in place of ``tcp`` has the certificate checked for the host. Behind them stand the other
parts of an endpoint: dns:tls:chat.example:5290:trustRoots=/etc/link.
"""

import re
from typing import Final

import attrs

_USAGE: Final = {
    "dns": "give dns:tcp:HOST:PORT or dns:tls:HOST:PORT",
    "srv": "give srv:tcp:NAME or srv:tls:NAME, with the full name of the SRV records",
}
_COLON: Final = re.compile(r"(?<!\\):")

# A name in the DNS (RFC 1035, section 2.3.4), of the signs that hosts and services have.
_HOST: Final = re.compile(r"(?=.{1,254}\Z)[\w-]{1,63}(\.[\w-]{1,63})*\.?", re.ASCII)


@attrs.frozen
class NodeName:
    """A name of nodes. ``text`` is what the operator gave, and ``port`` 0 for SRV records."""

    text: str
    is_srv: bool
    is_tls: bool
    host: str
    port: int
    more: tuple[str, ...]

    def endpoint(self, host: str, address: str, port: int) -> str:
        """Return the endpoint of a node at an address, for which ``host`` stands."""
        tcp = f"tcp:{_quoted(address)}:{port}"
        if not self.is_tls:
            return ":".join([tcp, *self.more])
        return ":".join([f"tls:{_quoted(host)}:{port}:endpoint={_quoted(tcp)}", *self.more])

    @property
    def example(self) -> str:
        """An endpoint as those of the nodes will be. SRV records name hosts that are not known."""
        return self.endpoint("localhost" if self.is_srv else self.host, "127.0.0.1", 1)


def parse(text: str) -> NodeName | None:
    """Return the name that an --upstream is; None for an endpoint.

    Raises ValueError, which says what to give instead.
    """
    kind, *parts = _COLON.split(text)
    if kind not in _USAGE:
        return None
    words = 2 if kind == "srv" else 3
    transport, host, port = [*parts, "", "", ""][:3]
    is_port = port.isascii() and port.isdigit() and 0 < int(port) < 65_536
    if transport not in ("tcp", "tls") or not is_host(host):
        raise ValueError(_USAGE[kind])
    if kind == "dns" and not is_port:
        raise ValueError(_USAGE[kind])
    more = (*parts[words:],)
    if not all("=" in part for part in more):  # a port behind SRV records, perhaps
        raise ValueError(_USAGE[kind])
    number = int(port) if kind == "dns" else 0
    return NodeName(text, kind == "srv", transport == "tls", host, number, more)


def is_host(text: str) -> bool:
    """Return whether this may be looked up. Python's resolver raises an error for other texts."""
    return _HOST.fullmatch(text) is not None


def _quoted(text: str) -> str:
    """Return a text as one part of an endpoint."""
    return text.replace("\\", "\\\\").replace(":", "\\:")
