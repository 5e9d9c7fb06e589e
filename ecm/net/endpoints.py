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

from ecm.limits import BACKLOG

if TYPE_CHECKING:
    from ecm.net.tls import Door

# A part of a description, up to its end or a colon that is not quoted (Twisted's syntax).
_PART: Final = re.compile(r"((?:\\.|[^:\\])*)(?::|\Z)", re.S)
_NUMBER: Final = re.compile("[0-9]{1,9}")
_MAX_PORT: Final = 65_535
_USAGE: Final = "give %s:FOLDER:port=PORT, and interface=ADDRESS where it is not for all"

# Stands before an endpoint without TLS, of a service that otherwise has it.
PLAIN: Final = "plain:"
STARTTLS: Final = "starttls:"

# The kinds of endpoints that are TCP ports.
_ON_TCP: Final = frozenset(("tcp", "tcp6", "ssl", "tls", "starttls"))

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
    kind, first, named = _parts(description)
    if kind == "unix":
        return f"unix:{named.get('address', first)}"
    if kind not in _ON_TCP:
        return description.removeprefix(PLAIN)
    port = named.get("port", first)
    return f"{named.get('interface') or all_addresses() or '0.0.0.0'} port {port}"


def options_of(description: str) -> dict[str, str]:
    """Return what the port of an endpoint has beside its place, by the names of the parts."""
    kind, _, named = _parts(description)
    if kind not in _ON_TCP and kind != "unix":
        return {}
    defaults = {"backlog": f"{BACKLOG}"} | (_OF_UNIX if kind == "unix" else {})
    return {name: named.get(name, default) for name, default in defaults.items()}


def _parts(description: str) -> tuple[str, str, dict[str, str]]:
    """Return the kind of an endpoint, its first part without a name, and those with one."""
    found = _PART.findall(description.removeprefix(PLAIN))[:-1]
    kind, *parts = (re.sub(r"\\(.)", r"\1", part) for part in found)
    first = next((part for part in parts if "=" not in part), "")
    return kind, first, dict(part.split("=", 1) for part in parts if "=" in part)


def folder_of(description: str) -> Path:
    """Return the folder of certificates of an endpoint ``tls:`` or ``starttls:``."""
    _, folder, *_ = _PART.findall(description)
    return Path(re.sub(r"\\(.)", r"\1", folder))


def server_endpoint(
    reactor: Any, description: str, lean: bool, newest: bool = False
) -> IStreamServerEndpoint:
    """Return the endpoint for a description. Raises whatever endpoints raise.

    Certificates and keys are read at once. ``lean`` is --lean-tls; with ``newest`` clients need TLS
    1.3.
    """
    if not description.startswith(("ssl:", "tls:", STARTTLS)):
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

    kind, _, _ = description.partition(":")
    parts = [re.sub(r"\\(.)", r"\1", part) for part in _PART.findall(description)]
    folder, *more = parts[1:-1] or [""]
    given = {"backlog": str(BACKLOG), "interface": ""}
    given |= {name: value for name, _, value in (each.partition("=") for each in more)}
    numbers = given.get("port", ""), given["backlog"]
    if not folder or len(given) != 3 or not all(map(_NUMBER.fullmatch, numbers)):
        raise ValueError(_USAGE % kind)
    if int(given["port"]) > _MAX_PORT:
        raise ValueError(_USAGE % kind)
    return TlsEndpoint(
        reactor,
        folder_of_certificates(Path(folder), lean),
        int(given["port"]),
        int(given["backlog"]),
        given["interface"],
        is_asked_for=f"{kind}:" == STARTTLS,
    )
