"""Endpoints for clients, from their descriptions: those of Twisted, and our own.

``starttls:`` is as ``tls:``, for connections that begin without TLS and must ask for it, and
``plain:`` stands before an endpoint that is to have none.

A port that names no interface is on all addresses of the machine, of IPv4 and IPv6, where Twisted's
``tcp:`` and ``ssl:`` are on those of IPv4 alone.

Twisted's ``ssl:`` and ``tls:`` end each session with its connection, and read a folder of
certificates anew when a client asks for a name that is not there.
"""

import os
import re
import socket
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from twisted.internet.defer import Deferred, execute
from twisted.internet.endpoints import serverFromString
from twisted.internet.interfaces import IListeningPort, IProtocolFactory, IStreamServerEndpoint
from zope.interface import Interface, implementer

from ecm.description import Description, described, is_port
from ecm.limits import BACKLOG

if TYPE_CHECKING:
    from ecm.net.tls import Door

# What a backlog may be.
_NUMBER: Final = re.compile("[0-9]{1,9}")
_USAGE: Final = "give %s:FOLDER:port=PORT, and interface=ADDRESS where it is not for all"

# Stands before an endpoint without TLS, of a service that otherwise has it.
PLAIN: Final = "plain:"
STARTTLS: Final = "starttls:"

# The kinds of endpoints that are TCP ports, and where their interface stands if it is not named.
_ON_TCP: Final = {"tcp": 1, "tcp6": 2, "ssl": 4, "tls": 1, "starttls": 1}

# What Twisted gives a UNIX socket whose endpoint does not say.
_OF_UNIX: Final = {"mode": "666", "lockfile": "1"}


class IKnowsItsDoor(Interface):
    """A factory of protocols that tells which certificates its connections have."""

    def behind(door: "Door") -> None:
        """Its connections come through a door."""


class IHasOwnTls(Interface):
    """A factory of protocols that begin TLS by themselves."""

    def secured(door: "Door", is_asked_for: bool) -> IProtocolFactory:
        """Return one whose connections have TLS: at once, or when the client asks for it."""


def is_from_systemd(description: str) -> bool:
    """Return whether systemd has opened the port of an endpoint."""
    return description.removeprefix(PLAIN).startswith("systemd:")


def is_of_its_domain(made: IStreamServerEndpoint) -> bool:
    """Return whether the socket of systemd's that an endpoint has is one of UNIX where it says so.

    Raises OSError, also for what is no socket.
    """
    adopted: Any = made
    with socket.socket(fileno=os.dup(adopted.fileno)) as found:
        return (found.family == socket.AF_UNIX) is (adopted.addressFamily == socket.AF_UNIX)


def place_of(description: str) -> str:
    """Return the place of the port of an endpoint: that of two of which only one can be open.

    Endpoints of other kinds than ours and Twisted's have the place that they describe.
    """
    given = _given(description)
    if given.kind == "unix":
        return f"unix:{given.value('address', 0)}"
    if given.kind not in _ON_TCP:
        return description.removeprefix(PLAIN)
    interface = given.value("interface", _ON_TCP[given.kind])
    return f"{interface or all_addresses() or '0.0.0.0'} port {given.value('port', 0)}"


def options_of(description: str) -> dict[str, str]:
    """Return what the port of an endpoint has beside its place, by the names of the parts."""
    given = _given(description)
    if given.kind not in _ON_TCP and given.kind != "unix":
        return {}
    defaults = {"backlog": f"{BACKLOG}"} | (_OF_UNIX if given.kind == "unix" else {})
    return {name: given.named.get(name, default) for name, default in defaults.items()}


def _given(description: str) -> Description:
    return described(description.removeprefix(PLAIN))


def folder_of(description: str) -> Path:
    """Return the folder of certificates of an endpoint ``tls:`` or ``starttls:``."""
    return Path(described(description).words[0])


def has_tls(description: str) -> bool:
    """Return whether an endpoint has TLS, and so certificates, of its own."""
    return description.startswith(("ssl:", "tls:", STARTTLS))


def server_endpoint(
    reactor: Any, description: str, lean: bool, newest: bool = False
) -> IStreamServerEndpoint:
    """Return the endpoint for a description. Raises whatever endpoints raise.

    Certificates and keys are read at once. ``lean`` is --lean-tls; with ``newest`` clients need TLS
    1.3.
    """
    if not has_tls(description):
        endpoint: IStreamServerEndpoint = serverFromString(
            _Everywhere(reactor), description.removeprefix(PLAIN)
        )
        return endpoint
    make = _ssl if description.startswith("ssl:") else _tls
    secure = make(reactor, description, lean)
    if newest:
        secure.door.refuse_older()
    return secure


def all_addresses() -> str:
    """Return the interface that stands for all addresses of this machine.

    That is IPv6, which takes connections over IPv4 as well, unless there is no IPv6, or the machine
    keeps the two apart (net.ipv6.bindv6only).
    """
    try:
        with socket.socket(socket.AF_INET6) as tried:
            apart = tried.getsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY)
    except OSError:
        return ""
    return "" if apart else "::"


class _Everywhere:
    """A reactor whose TCP ports are on all addresses unless they name an interface."""

    def __init__(self, reactor: Any) -> None:
        self._reactor = reactor

    def __getattr__(self, name: str) -> Any:
        return getattr(self._reactor, name)

    def listenTCP(
        self, port: int, factory: IProtocolFactory, backlog: int = 50, interface: str = ""
    ) -> Any:
        return self._reactor.listenTCP(port, factory, backlog, interface or all_addresses())


@implementer(IStreamServerEndpoint)
class TlsEndpoint:
    """Listens on a TCP port. Its connections speak TLS at once, or when they are asked for it.

    The latter only where the factory knows how to be asked (IHasOwnTls).
    """

    def __init__(
        self,
        reactor: Any,
        door: "Door",
        port: int,
        backlog: int,
        interface: str,
        is_asked_for: bool = False,
    ) -> None:
        self._reactor = reactor
        self.door = door
        self._is_asked_for = is_asked_for
        self._place = (port, backlog, interface)

    def listen(self, factory: IProtocolFactory) -> Deferred[IListeningPort]:
        port, backlog, interface = self._place
        interface = interface or all_addresses()
        knowing = IKnowsItsDoor(factory, None)
        if knowing is not None:
            knowing.behind(self.door)
        own = IHasOwnTls(factory, None)
        if own is None:
            secure = self.door.factory(factory)
        else:
            secure = own.secured(self.door, self._is_asked_for)
        listening: Deferred[IListeningPort] = execute(
            self._reactor.listenTCP, port, secure, backlog, interface
        )
        return listening


class _Arguments:
    """A reactor on which Twisted's ``ssl:`` does not listen, but leaves what it would do with."""

    def listenSSL(
        self, port: int, factory: object, contextFactory: Any, backlog: int, interface: str
    ) -> None:
        self.options = contextFactory
        self.place = (port, backlog, interface)


def _ssl(reactor: Any, description: str, lean: bool) -> TlsEndpoint:
    from ecm.net.tls import one_certificate  # pyOpenSSL may be missing

    arguments: Any = _Arguments()
    endpoint: Any = serverFromString(arguments, description)
    endpoint.listen(None)
    return TlsEndpoint(reactor, one_certificate(arguments.options, lean), *arguments.place)


def _tls(reactor: Any, description: str, lean: bool) -> TlsEndpoint:
    from ecm.net.tls import folder_of_certificates  # the same

    given = described(description)
    named = {"port": "", "backlog": str(BACKLOG), "interface": "", **given.named}
    is_whole = len(given.words) == 1 and given.words[0] and len(named) == 3
    if not is_whole or not is_port(named["port"]) or not _NUMBER.fullmatch(named["backlog"]):
        raise ValueError(_USAGE % given.kind)
    return TlsEndpoint(
        reactor,
        folder_of_certificates(Path(given.words[0]), lean),
        int(named["port"]),
        int(named["backlog"]),
        named["interface"],
        is_asked_for=f"{given.kind}:" == STARTTLS,
    )
