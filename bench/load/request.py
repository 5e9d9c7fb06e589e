"""The request that clients hold: what Chromium sends for a BOSH client in the page."""

END = b"</body>"

BODY = (
    b"<body rid='415632789' sid='9f86d081884c7d659a2feaa0c55ad015a3bf4f1b'"
    b" xmlns='http://jabber.org/protocol/httpbind'>%b" % END
)

_HEAD = (
    b"POST /http-bind HTTP/1.1\r\n"
    b"Host: chat.example.com\r\n"
    b"Connection: keep-alive\r\n"
    b"Content-Length: %d\r\n"
    b"User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko)"
    b" Chrome/130.0.0.0 Safari/537.36\r\n"
    b"Content-Type: text/xml; charset=utf-8\r\n"
    b"Accept: */*\r\n"
    b"Origin: https://www.example.com\r\n"
    b"Sec-Fetch-Site: same-site\r\n"
    b"Sec-Fetch-Mode: cors\r\n"
    b"Sec-Fetch-Dest: empty\r\n"
    b"Referer: https://www.example.com/\r\n"
    b"Accept-Encoding: gzip, deflate, br\r\n"
    b"Accept-Language: en-GB,en;q=0.9\r\n\r\n"
)


def post(body: bytes) -> bytes:
    """Return a request with this body."""
    return _HEAD % len(body) + body


HEAD = _HEAD % len(BODY)
REQUEST = post(BODY)
