"""Answers as servers give them, and their bodies."""

from ecm.tools.bosh.http import Answer

BODY = b"<body xmlns='http://jabber.org/protocol/httpbind'/>"

PLAIN = (
    b"HTTP/1.1 200 OK\r\nContent-Type: text/xml\r\nContent-Length: %d\r\n\r\n" % len(BODY) + BODY
)

CLOSING = (
    b"HTTP/1.1 503 Busy\r\nconnection: close\r\ncontent-length: 4\r\nretry-after: 1\r\n\r\nbusy"
)

OLD = b"HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n"

CHUNKED = (
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    b"5\r\n<body\r\n%x;note=1\r\n%b\r\n0\r\n\r\n" % (len(BODY) - 5, BODY[5:])
)

ANSWERS = {
    PLAIN: Answer(200, BODY, True, b""),
    CLOSING: Answer(503, b"busy", False, b"", retry_after=1),
    OLD: Answer(200, b"", False, b""),
    CHUNKED: Answer(200, BODY, True, b""),
}
