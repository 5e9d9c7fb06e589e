"""Endpoints that an operator gives: ports for clients, and nodes of ejabberd.

Whatever is wrong with one is said before anybody listens or connects. Messages of Twisted, which
name Python's functions and arguments, are replaced by what to give.
"""

import os
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from twisted.internet.endpoints import clientFromString

from ecm.description import Description, described, is_port, with_names
from ecm.limits import BACKLOG, MAX_SOCKET_PATH
from ecm.net.endpoints import (
    PLAIN,
    STARTTLS,
    has_tls,
    is_from_systemd,
    is_of_its_domain,
    server_endpoint,
)
from ecm.net.reactor import global_reactor
from ecm.upstream import names

if TYPE_CHECKING:
    from ecm.net.certificates import Identity

_SERVERS: Final = {
    "tcp": "tcp:PORT, or tcp:PORT:interface=ADDRESS",
    "tcp6": r"tcp6:PORT, or tcp6:PORT:interface=\:\:1",
    "ssl": "ssl:PORT:privateKey=FILE:certKey=FILE",
    "unix": "unix:PATH, or unix:PATH:mode=660",
    "systemd": "systemd:domain=INET6:index=0",
    "tls": "tls:FOLDER:port=PORT",
}
_CLIENTS: Final = {
    "tcp": "tcp:HOST:PORT",
    "tls": "tls:HOST:PORT, or tls:HOST:PORT:trustRoots=FOLDER",
    "unix": "unix:PATH",
}
_NO_TLS: Final = (
    "say how it is protected: starttls:FOLDER:port=5222, tls:FOLDER:port=5223, or plain:tcp:5222"
    " where a proxy has TLS"
)

# Kinds whose backlog is Twisted's where none is given.
_HAVE_BACKLOG: Final = ("tcp:", "tcp6:", "ssl:", "unix:")

# What Twisted takes the words of an endpoint for that have no names. Nobody else has to know.
_PLACES: Final = {
    "tcp": ("", "interface", "backlog"),
    "tcp6": ("", "backlog", "interface"),
    "ssl": ("", "privateKey", "certKey", "sslmethod", "interface", "backlog", "extraCertChain"),
    "unix": ("", "mode", "backlog", "lockfile"),
}


def server(text: str) -> str:
    """Return an endpoint for clients, with its backlog. Raises ValueError."""
    if text.startswith((STARTTLS, PLAIN)):
        raise ValueError("that is for --stream")
    return _with_backlog(text)


def proxied(text: str) -> str:
    """Return an endpoint for a proxy that begins with a PROXY header. Raises ValueError."""
    if text.startswith(("ssl:", "tls:")):
        raise ValueError("a PROXY header comes before any TLS")
    return server(text)


def stream(text: str) -> str:
    """Return an endpoint for XMPP over TCP. Raises ValueError."""
    kind, _, rest = text.partition(":")
    if kind not in ("starttls", "ssl", "tls", "plain"):
        raise ValueError(_NO_TLS)
    if kind == "plain" and (has_tls(rest) or rest.startswith(PLAIN)):
        raise ValueError("plain: stands before an endpoint without TLS")
    return _with_backlog(text)


def client(text: str) -> str:
    """Return an endpoint of ejabberd, or a name of several. Raises ValueError."""
    name = names.parse(text)
    endpoint = text if name is None else name.example
    _tried(_checked_client, clientFromString, endpoint, _CLIENTS)
    return text


def check_sockets(endpoints: Sequence[str]) -> None:
    """Raise ValueError where systemd was to open a port, and has not.

    It gives ports to the process that it starts, and not to those that only check options.
    """
    for text in filter(is_from_systemd, endpoints):
        try:
            is_fit = is_of_its_domain(server_endpoint(global_reactor(), text, lean=False))
        except LookupError:
            raise ValueError(
                f"{text}: systemd has opened no such socket for this process; it does where the"
                " socket unit belongs to the service, as deploy/ecm.socket"
            ) from None
        except OSError as error:
            raise ValueError(f"{text}: {error.strerror}") from None
        if not is_fit:
            domain = "INET6" if "domain=UNIX" in text else "UNIX"
            raise ValueError(f"{text}: this socket of systemd is another one, give domain={domain}")


def _with_backlog(text: str) -> str:
    endpoint = text.removeprefix(PLAIN)
    plain = text.removesuffix(endpoint)
    endpoint = with_names(endpoint, _PLACES.get(endpoint.partition(":")[0], ()))
    _tried(_checked_server, _made_server, endpoint, _SERVERS)
    if not endpoint.startswith(_HAVE_BACKLOG) or ":backlog=" in endpoint:
        return plain + endpoint
    return f"{plain}{endpoint}:backlog={BACKLOG}"


def _made_server(reactor: Any, text: str) -> None:
    if not is_from_systemd(text):
        server_endpoint(reactor, text, lean=False)


def _checked_server(given: Description) -> None:
    _need(re.fullmatch("[0-9]{1,9}", given.named.get("backlog", "0")) is not None)
    match given.kind:
        case "tcp" | "tcp6" | "ssl":
            _need(is_port(given.value("port", 0)))
        case "unix":
            path = given.value("address", 0)
            _check_path(path)
            _need(re.fullmatch("[0-7]{1,4}", given.named.get("mode", "0")) is not None)
            if not os.path.isdir(Path(path).parent):
                raise ValueError(f"there is no folder {Path(path).parent}")
        case "systemd":
            _need(given.named.get("domain") in ("INET", "INET6", "UNIX"))
            _need(len({"index", "name"} & given.named.keys()) == 1)
            _need(given.named.get("index", "0").isdecimal())
    if given.kind == "ssl":
        # Twisted would take a server.pem, which nobody has named: it would never be renewed.
        _need(given.value("privateKey", 1) != "")
        identity_of(given)


def identity_of(given: Description) -> "Identity":
    """Return the certificate of an endpoint ``ssl:``. Raises ValueError."""
    from ecm.net.certificates import read_pair  # few need it, and it takes its time

    key = given.value("privateKey", 1)
    chain = given.named.get("extraCertChain")
    return read_pair(
        Path(key), Path(given.value("certKey", 2) or key), Path(chain) if chain else None
    )


def _checked_client(given: Description) -> None:
    if given.kind in ("tcp", "tls"):
        _need(given.value("host", 0) != "")
        port = given.value("port", 1)
        _need(is_port(port) and int(port) > 0)
    elif given.kind == "unix":
        _check_path(given.value("path", 0))


def _check_path(path: str) -> None:
    """Raise ValueError for the path of a socket that the kernel does not take."""
    _need(path != "" and "\0" not in path)
    if len(os.fsencode(path)) > MAX_SOCKET_PATH:
        raise ValueError(f"the path of a socket has at most {MAX_SOCKET_PATH} bytes")


def _need(is_there: bool) -> None:
    """Raise TypeError, as Python does where an argument is missing."""
    if not is_there:
        raise TypeError


def _tried(
    check: Callable[[Description], None],
    make: Callable[[Any, str], object],
    text: str,
    kinds: Mapping[str, str],
) -> None:
    """Raise ValueError for an endpoint that cannot be made, with what to give."""
    given = described(text)
    try:
        check(given)
        make(global_reactor(), text)
    except Exception as error:  # whatever a plugin for endpoints raises
        raise ValueError(f"not an endpoint ({_why(error, given, kinds)})") from None


def _why(error: Exception, given: Description, kinds: Mapping[str, str]) -> str:
    if isinstance(error, TypeError):  # a part is missing, or there is no such part
        return f"give {kinds.get(given.kind) or f'the parts that {given.kind}: has'}"
    if not str(error) and isinstance(error.__context__, OSError):
        error = error.__context__  # a folder of certificates that cannot be read
    if isinstance(error, OSError) and error.filename:
        return f"{os.fsdecode(error.filename)}: {error.strerror}"
    why = str(error)
    if why.startswith("Unknown endpoint type"):
        return f"give {'; '.join(kinds.values())}"
    if why.startswith("invalid literal"):
        return f"give {kinds.get(given.kind) or f'numbers where {given.kind}: has them'}"
    return why
