"""Requests to the WebSocket address: those that are taken, and what the others are answered."""

from ecm.http.cors import Cors

CORS = Cors(frozenset({b"https://chat.example"}))

# RFC 6455, section 1.3.
KEY = b"dGhlIHNhbXBsZSBub25jZQ=="
ACCEPT = b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo="

_LINES = {
    b"Host": b"server.example",
    b"Upgrade": b"websocket",
    b"Connection": b"Upgrade",
    b"Sec-WebSocket-Key": KEY,
    b"Sec-WebSocket-Version": b"13",
    b"Sec-WebSocket-Protocol": b"xmpp",
}


def handshake(*more: bytes, start: bytes = b"GET /ws HTTP/1.1", **others: bytes | None) -> bytes:
    """Return a handshake; ``others`` are values of fields, by the first letters of their names.

    ``more`` are further lines.
    """
    names = {"host": b"Host", "upgrade": b"Upgrade", "connection": b"Connection"}
    names |= {
        name: b"Sec-WebSocket-" + name.capitalize().encode()
        for name in ("key", "version", "protocol")
    }
    lines = _LINES | {names[name]: value for name, value in others.items()}
    fields = [name + b": " + value for name, value in lines.items() if value is not None]
    return b"\r\n".join([start, *fields, *more, b"", b""])


ACCEPTED = [
    handshake(),
    handshake(start=b"GET /ws?a=b HTTP/1.1"),
    # As Firefox, Safari and clients that are no browsers write it.
    handshake(connection=b"keep-alive, Upgrade", upgrade=b"WebSocket"),
    handshake(b"Connection: keep-alive"),
    handshake(protocol=b"xmpp, xmpp-framing"),
    handshake(b"Sec-WebSocket-Protocol: xmpp", protocol=b"chat ,superchat"),
    handshake(b"sec-websocket-extensions: permessage-deflate; client_max_window_bits"),
    handshake(key=b"AAAAAAAAAAAAAAAAAAAAAA=="),
    handshake(b"Content-Length: 0"),
    # Pages of the operator's, and of this very server.
    handshake(b"Origin: https://chat.example"),
    handshake(b"Origin: https://server.example"),
    handshake(b"Origin: https://server.example:8443", host=b"SERVER.example:8443"),
]

# With the status, and something of the header lines.
REFUSED: list[tuple[bytes, int, bytes]] = [
    (handshake(start=b"POST /ws HTTP/1.1"), 411, b""),
    (handshake(b"Content-Length: 0", start=b"POST /ws HTTP/1.1"), 405, b"Allow: GET\r\n"),
    (handshake(start=b"HEAD /ws HTTP/1.1"), 405, b"Allow: GET\r\n"),
    (handshake(start=b"OPTIONS /ws HTTP/1.1"), 405, b"Allow: GET\r\n"),
    (handshake(start=b"GET /ws HTTP/1.0"), 400, b""),
    (handshake(upgrade=None), 426, b"Upgrade: websocket\r\nConnection: Upgrade\r\n"),
    (handshake(connection=None), 426, b"Upgrade: websocket\r\nConnection: Upgrade\r\n"),
    (handshake(connection=b"keep-alive"), 426, b"Upgrade: websocket\r\n"),
    (handshake(upgrade=b"h2c"), 426, b"Upgrade: websocket\r\n"),
    (handshake(upgrade=b"websockets"), 426, b"Upgrade: websocket\r\n"),
    (b"GET /ws HTTP/1.1\r\nHost: a\r\n\r\n", 426, b"Upgrade: websocket\r\n"),
    (handshake(version=b"8"), 426, b"Sec-WebSocket-Version: 13\r\n"),
    (handshake(version=None), 426, b"Sec-WebSocket-Version: 13\r\n"),
    (handshake(version=b"13, 8"), 426, b"Sec-WebSocket-Version: 13\r\n"),
    (handshake(b"Sec-WebSocket-Version: 13"), 426, b"Sec-WebSocket-Version: 13\r\n"),
    (handshake(b"Content-Length: 1") + b"a", 400, b""),
    (handshake(b"Transfer-Encoding: chunked") + b"0\r\n\r\n", 400, b""),
    (handshake(key=None), 400, b""),
    (handshake(key=b""), 400, b""),
    (handshake(key=b"AAAA"), 400, b""),
    (handshake(key=b"AAAAAAAAAAAAAAAAAAAAAAAA"), 400, b""),
    (handshake(key=b"AAAAAAAAAAAAAAAAAAAA-A=="), 400, b""),
    (handshake(b"Sec-WebSocket-Key: " + KEY), 400, b""),
    (handshake(protocol=None), 400, b""),
    (handshake(protocol=b""), 400, b""),
    (handshake(protocol=b"XMPP"), 400, b""),
    (handshake(protocol=b"xmpp-framing"), 400, b""),
    (handshake(b"Origin: https://other.example"), 403, b""),
    (handshake(b"Origin: http://chat.example"), 403, b""),
    (handshake(b"Origin: null"), 403, b""),
    (handshake(b"Origin: null", host=b""), 403, b""),
    (handshake(b"Origin: https://chat.example", b"Origin: https://other.example"), 403, b""),
]
