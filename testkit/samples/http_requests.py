"""Requests, what they mean, and errors: for the parser of HTTP and for all that is built on it."""

from ecm.http.request import Head, Request

HOST = (b"Host", b"a")

GET = b"GET / HTTP/1.1\r\nHost: a\r\n"

POST = b"POST / HTTP/1.1\r\nHost: a\r\n"

CHUNKED = POST + b"Transfer-Encoding: chunked\r\n\r\n"


def request(
    method: bytes, target: bytes, *headers: tuple[bytes, bytes], **others: object
) -> Request:
    """A request as the parser gives it, of which only what is named is not the usual."""
    fields = {"path": target, "headers": [HOST, *headers], "http10": False, "keep_alive": True}
    body, truncated = others.pop("body", b""), others.pop("truncated", False)
    head = Head(method=method, target=target, **(fields | others))  # type: ignore[arg-type]
    return Request(head, body, truncated)  # type: ignore[arg-type]


def get(*headers: tuple[bytes, bytes], **others: object) -> Request:
    return request(b"GET", b"/", *headers, **others)


def chunked(body: bytes) -> Request:
    return request(b"POST", b"/", (b"Transfer-Encoding", b"chunked"), body=body)


UPGRADE = b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n"

UPGRADES = [
    (b"Connection", b"Upgrade, HTTP2-Settings"),
    (b"Upgrade", b"h2c"),
    (b"HTTP2-Settings", b"AAMAAABk"),
]

# Bytes, and the request that they are.
REQUESTS: list[tuple[bytes, Request]] = [
    (GET + b"\r\n", get()),
    (b"\r\n" + GET + b"\r\n", get()),
    (b"\n\r\n\r" + GET + b"\r\n", get()),
    (
        b"POST /http-bind HTTP/1.1\r\nHost: a\r\nContent-Length: 7\r\n\r\n<body/>",
        request(b"POST", b"/http-bind", (b"Content-Length", b"7"), body=b"<body/>"),
    ),
    (
        b"GET /a?b=/c HTTP/1.1\r\nHost: a\r\nEmpty:\r\nSpaced: \t x y \t\r\n\r\n",
        request(b"GET", b"/a?b=/c", (b"Empty", b""), (b"Spaced", b"x y"), path=b"/a"),
    ),
    (
        b"GET http://a:80/b?c HTTP/1.1\r\nHost: a\r\n\r\n",
        request(b"GET", b"http://a:80/b?c", path=b"/b"),
    ),
    (b"GET http://a HTTP/1.1\r\nHost: a\r\n\r\n", request(b"GET", b"http://a", path=b"/")),
    (b"OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n", request(b"OPTIONS", b"*")),
    (
        b"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
        get(headers=[(b"Connection", b"keep-alive")], http10=True),
    ),
    # Chunks: sizes in any spelling, extensions, a trailer (RFC 9112, section 7.1).
    (CHUNKED + b"3\r\n<bo\r\n4\r\ndy/>\r\n0\r\n\r\n", chunked(b"<body/>")),
    (CHUNKED + b"0\r\n\r\n", chunked(b"")),
    (CHUNKED + b"00000000000A\r\n0123456789\r\n000\r\n\r\n", chunked(b"0123456789")),
    (CHUNKED + b"3;quality=1\r\nabc\r\n0;last\r\nTrailer: dropped\r\nX:\r\n\r\n", chunked(b"abc")),
    (CHUNKED + b'2 ; a\t=\t"\\";\\\\" ;b= c\r\n\r\n\r\n0\r\n\r\n', chunked(b"\r\n")),
    # A server may ignore what a client would like to speak (RFC 9110, section 7.8).
    (GET + UPGRADE + b"\r\n", get(*UPGRADES)),
    (
        POST + UPGRADE + b"Content-Length: 7\r\n\r\n<body/>",
        request(b"POST", b"/", *UPGRADES, (b"Content-Length", b"7"), body=b"<body/>"),
    ),
    (
        POST + UPGRADE + b"Transfer-Encoding: Chunked\r\n\r\n7\r\n<body/>\r\n0\r\n\r\n",
        request(b"POST", b"/", *UPGRADES, (b"Transfer-Encoding", b"Chunked"), body=b"<body/>"),
    ),
]

LAST_REQUESTS: list[tuple[bytes, Request]] = [
    (b"GET / HTTP/1.0\r\n\r\n", get(headers=[], http10=True, keep_alive=False)),
    (GET + b"Connection: close\r\n\r\n", get((b"Connection", b"close"), keep_alive=False)),
    (
        GET + b"Connection: keep-alive, Close\r\n\r\n",
        get((b"Connection", b"keep-alive, Close"), keep_alive=False),
    ),
    (
        GET + b"connection: close\r\nConnection: keep-alive\r\n\r\n",
        get((b"connection", b"close"), (b"Connection", b"keep-alive"), keep_alive=False),
    ),
    (
        b"GET / HTTP/1.0\r\nConnection: keep-alive\r\nConnection: close\r\n\r\n",
        get(
            headers=[(b"Connection", b"keep-alive"), (b"Connection", b"close")],
            http10=True,
            keep_alive=False,
        ),
    ),
    # Bodies that are too long: their first bytes.
    (
        POST + b"Content-Length: 101\r\n\r\n" + b"x" * 101,
        request(
            b"POST",
            b"/",
            (b"Content-Length", b"101"),
            body=b"x" * 100,
            truncated=True,
        ),
    ),
]

# Bytes, and the status with which they are refused.
ERRORS: list[tuple[bytes, int]] = [
    # Other protocols, and what people type.
    (b"nonsense\r\n\r\n", 400),
    (b"0000000039|00000000000000000007|<body/>", 400),
    (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 400),  # TLS on a port without
    (b"<stream:stream to='a'>", 400),
    (b"SSH-2.0-OpenSSH_9.2\r\n", 400),
    (b"GET / RTSP/1.0\r\n\r\n", 400),
    (b"OPTIONS sip:a@b SIP/2.0\r\nVia: x\r\n\r\n", 400),
    (b"GET / HTTP/1.0\n\n", 400),
    # The request line (RFC 9112, section 3).
    (b"GET  / HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    (b"GET /  HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    (b"GET / HTTP/1.1 \r\nHost: a\r\n\r\n", 400),
    (b"GET\t/ HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    (b"get / HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    (b"GET / http/1.1\r\nHost: a\r\n\r\n", 400),
    (b"GET / HTTP/11\r\nHost: a\r\n\r\n", 400),
    (b"GET /\xff HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    (b"GET /a#b HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    (b"GET http:// HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    # The host (section 3.2).
    (b"GET / HTTP/1.1\r\n\r\n", 400),
    (GET + b"host: a\r\n\r\n", 400),
    (GET + b"Host: b\r\n\r\n", 400),
    (b"GET / HTTP/1.0\r\nHost: ab\r\nHost: ab\r\n\r\n", 400),
    (b"GET / HTTP/1.1\r\nHost: a b\r\n\r\n", 400),
    (b"GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", 400),
    (b"GET / HTTP/1.1\r\nHost: user@a\r\n\r\n", 400),
    (b"GET / HTTP/1.1\r\nHost: a:b\r\n\r\n", 400),
    (b"GET / HTTP/1.1\r\nHost: a,b:80:80\r\n\r\n", 400),
    (b"GET / HTTP/1.1\r\nHost: [::1\r\n\r\n", 400),
    # Fields, and the length of a body (sections 5 and 6).
    (GET + b"no colon\r\n\r\n", 400),
    (POST + b"Content-Length: 1\r\nContent-Length: 1\r\n\r\n", 400),
    (POST + b"Content-Length: -1\r\n\r\n", 400),
    (POST + b"Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", 400),
    # Chunks (section 7.1).
    (CHUNKED + b"z\r\n", 400),
    (CHUNKED + b"\r\n", 400),
    (CHUNKED + b"fffffffffffffffff\r\n", 400),
    (CHUNKED + b"1;\r\na\r\n0\r\n\r\n", 400),
    (CHUNKED + b"1;a=\r\na\r\n0\r\n\r\n", 400),
    (CHUNKED + b"1;a b\r\na\r\n0\r\n\r\n", 400),
    (CHUNKED + b'1;a="b\r\na\r\n0\r\n\r\n', 400),
    (CHUNKED + b"1\r\nab\r\n0\r\n\r\n", 400),
    (CHUNKED + b"0\r\nno colon\r\n\r\n", 400),
    (CHUNKED + b"0\r\n folded: a\r\n\r\n", 400),
    (CHUNKED + b"0\r\nA: b\n\r\n", 400),
    # What is too long.
    (GET + b"Cookie: " + b"x" * 1000 + b"\r\n\r\n", 431),
    (GET + b"A: b\r\n" * 1000, 431),
    (GET + b"A: b\r\n" * 10 + b"\r\n", 431),
    (b"GET /" + b"x" * 1000, 431),
    (CHUNKED + b"0" * 1000, 431),
    (CHUNKED + b"1;" + b"a" * 1000, 431),
    (CHUNKED + b"1;a=0123456789abcdef\r\nx\r\n" * 99, 431),
    (CHUNKED + b"0\r\nA: " + b"x" * 1000, 431),
    (CHUNKED + b"0\r\n" + b"A: b\r\n" * 1000, 431),
    (b"POST / HTTP/1.1\r\nHost: a\r\n\r\n", 411),
    (b"CONNECT a:80 HTTP/1.1\r\nHost: a\r\n\r\n", 501),
    (POST + b"Transfer-Encoding: gzip, chunked\r\n\r\n", 501),
    (b"GET / HTTP/2.0\r\nHost: a\r\n\r\n", 505),
    (b"GET / HTTP/1.2\r\nHost: a\r\n\r\n", 505),
    (b"GET /\r\n\r\n", 505),
    (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505),
]
