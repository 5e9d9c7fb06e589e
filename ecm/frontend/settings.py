"""The operator's settings of the front end."""

import attrs

from ecm.http.client_address import TrustedProxies
from ecm.http.cors import Cors
from ecm.http.origin import EXAMPLE, origin
from ecm.http.request import RequestLimits
from ecm.limits import (
    BODY_TIMEOUT,
    HEADER_TIMEOUT,
    IDLE_TIMEOUT,
    MAX_BUFFERED,
    MAX_CONNECTIONS,
    MAX_CONNECTIONS_PER_ADDRESS,
    MAX_NUMBER,
    MAX_TIMEOUT,
    SEND_TIMEOUT,
)
from ecm.option import group, number, option


def _path(text: str) -> bytes:
    if not text.startswith("/") or not text.isascii() or set(text) & set("?# "):
        raise ValueError("a path begins with / and has no ? # or space")
    return text.rstrip("/").encode()


def _spellings(paths: list[bytes]) -> tuple[bytes, ...]:
    """Return each path without and with a slash at its end: clients are given either."""
    return tuple(spelling for path in paths for spelling in (path, path + b"/"))


def _public(text: str) -> str:
    if not text.startswith(("http://", "https://")):
        raise ValueError(f"give http:// or https:// and a host, as in {EXAMPLE}")
    return origin(text).decode()


@attrs.frozen
class FrontendSettings:
    """Paths, limits and times of clients' connections: bytes, numbers and seconds.

    ``paths`` are those that take BOSH, byte for byte, ``websocket_paths`` those for WebSocket, in
    the order in which they were given. ``host_meta`` is where clients reach them, None if ECM is
    not to tell.
    """

    paths: tuple[bytes, ...] = attrs.field(
        default=_spellings([b"/http-bind", b"/bosh"]),
        metadata=option(
            "path",
            "BOSH path, with and without a slash at its end.",
            name="path",
            read=_path,
            collect=_spellings,
            shown="/http-bind, /bosh",
            short="p",
        ),
    )
    websocket_paths: tuple[bytes, ...] = attrs.field(
        default=_spellings([b"/ws", b"/xmpp-websocket", b"/websocket"]),
        metadata=option(
            "path",
            "WebSocket path, with and without a slash at its end.",
            name="websocket-path",
            read=_path,
            collect=_spellings,
            shown="/ws, /xmpp-websocket, /websocket",
        ),
    )
    host_meta: str | None = attrs.field(
        default=None,
        metadata=option(
            "origin",
            "Public address of ECM (https://chat.example): tell clients in"
            " /.well-known/host-meta, and host-meta.json, where BOSH and WebSocket are.",
            read=_public,
        ),
    )
    max_connections: int = attrs.field(
        default=MAX_CONNECTIONS,
        metadata=number(
            "connections",
            0,
            MAX_NUMBER,
            "Number of connections, divided among the workers; 0 is as many as open files allow.",
        ),
    )
    max_connections_per_address: int = attrs.field(
        default=MAX_CONNECTIONS_PER_ADDRESS,
        metadata=number(
            "connections",
            0,
            MAX_NUMBER,
            "Number of connections from one address, in each worker; 0 is no limit.",
        ),
    )
    max_buffered: int = attrs.field(
        default=MAX_BUFFERED,
        metadata=number(
            "bytes",
            0,
            MAX_NUMBER,
            "Memory that all connections of a worker hold together: partial requests and messages,"
            " those that wait, and what clients have not read. 0 is a quarter of the available"
            " memory, divided among the workers.",
        ),
    )
    header_timeout: int = attrs.field(
        default=HEADER_TIMEOUT,
        metadata=number(
            "seconds",
            1,
            MAX_TIMEOUT,
            "Time for the head of a request, from its first byte, and for a TLS handshake; over"
            " TCP, for the XMPP before that, and for the first byte behind it.",
            former="head-timeout",
        ),
    )
    body_timeout: int = attrs.field(
        default=BODY_TIMEOUT,
        metadata=number(
            "seconds", 1, MAX_TIMEOUT, "Time for the body of a request, or a WebSocket message."
        ),
    )
    send_timeout: int = attrs.field(
        default=SEND_TIMEOUT,
        metadata=number(
            "seconds",
            1,
            MAX_TIMEOUT,
            "Time in which a client must read what it is sent, for each 64 kB.",
            former="take-timeout",
        ),
    )
    idle_timeout: int = attrs.field(
        default=IDLE_TIMEOUT,
        metadata=number(
            "seconds", 1, MAX_TIMEOUT, "Time that a connection may be idle between requests."
        ),
    )
    request: RequestLimits = attrs.field(default=RequestLimits(), metadata=group("Requests"))
    proxies: TrustedProxies = attrs.field(
        default=TrustedProxies(), metadata=group("Addresses of clients behind proxies")
    )
    cors: Cors = attrs.field(default=Cors(), metadata=group("Pages of other origins (CORS)"))
