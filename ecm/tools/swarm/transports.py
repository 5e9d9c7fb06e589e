"""The transports by their names, and how each is made."""

import os
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

from ecm.tools.stream.tcp import TcpWire
from ecm.tools.stream.websocket import NONCE_SIZE, WebSocketWire
from ecm.tools.stream.wire import Wire
from ecm.tools.swarm.addresses import BOSH, DIRECT_TLS, STARTTLS, TCP, TLS, WEBSOCKET
from ecm.tools.swarm.attendance import Attendance
from ecm.tools.swarm.bosh import Bosh
from ecm.tools.swarm.chat import Chat
from ecm.tools.swarm.messages import Task
from ecm.tools.swarm.sockets import Sockets
from ecm.tools.swarm.streams import Streams
from ecm.tools.swarm.transport import Transport
from ecm.websocket.frames import KEY_SIZE

# The protocols over TLS (ALPN; XEP-0368) by transport and TLS.
_PROTOCOLS = {
    (BOSH, DIRECT_TLS): [b"http/1.1"],
    (WEBSOCKET, DIRECT_TLS): [b"http/1.1"],
    (TLS, DIRECT_TLS): [b"xmpp-client"],
}


def sockets(task: Task) -> Sockets[Any]:
    """Return the connections of a task."""
    if not task.tls:
        return Sockets(task.address, task.sources)
    # A process without TLS does without OpenSSL, which takes as much as all else in it.
    from ecm.tools.stream.tls import client_context
    from ecm.tools.swarm.tls_sockets import TlsSockets

    protocols = _PROTOCOLS.get((task.transport, task.tls), ())
    context = client_context(*protocols, trusted=task.trusted)
    direct = task.tls == DIRECT_TLS
    return TlsSockets(task.address, task.sources, context, _server(task), direct)


def _server(task: Task) -> str:
    """Return who the certificate is for: the host of the URL; over TCP the domain (RFC 6120)."""
    if task.transport in (TCP, TLS):
        return task.domain
    return urlsplit(f"//{task.host}").hostname or ""


def transport(
    task: Task, sockets: Sockets[Any], attendance: Attendance[Any], chat: Chat[Any]
) -> Transport[Any]:
    """Return the one of a task."""
    if task.transport == BOSH:
        return Bosh(task, sockets, attendance, chat)
    return Streams(task, sockets, _WIRES[task.transport](task), attendance, chat)


def _websocket(task: Task) -> Wire:
    nonce, key = os.urandom(NONCE_SIZE), os.urandom(KEY_SIZE)
    return WebSocketWire(task.host, task.path, task.domain, nonce, key)


def _tcp(task: Task) -> Wire:
    return TcpWire(task.domain, starttls=task.tls == STARTTLS)


_WIRES: dict[str, Callable[[Task], Wire]] = {WEBSOCKET: _websocket, TCP: _tcp, TLS: _tcp}
