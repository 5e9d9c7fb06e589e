"""Requests that two servers may take apart differently: one hides a second request in the other.

Each is refused, the connection is closed, and nothing of it goes to the link. ``SMUGGLED`` stands
where the hidden request would be.
"""

HEAD = b"POST /http-bind HTTP/1.1\r\nHost: chat.example\r\n"

CHUNKED = b"Transfer-Encoding: chunked\r\n"

SMUGGLED = b"POST /http-bind HTTP/1.1\r\nHost: chat.example\r\nContent-Length: 7\r\n\r\n<body/>"

# What is sent, and where it is described.
ATTACKS = {
    # Which length counts? RFC 9112, section 6.1; CL.TE and TE.CL of the literature.
    HEAD + b"Content-Length: 5\r\n" + CHUNKED + b"\r\n0\r\n\r\n" + SMUGGLED: 400,
    HEAD + CHUNKED + b"Content-Length: 5\r\n\r\n0\r\n\r\n" + SMUGGLED: 400,
    # RFC 9112, section 6.3, rule 5: lengths that differ, in two lines or in one.
    HEAD + b"Content-Length: 0\r\nContent-Length: 77\r\n\r\n" + SMUGGLED: 400,
    HEAD + b"Content-Length: 0, 77\r\n\r\n" + SMUGGLED: 400,
    HEAD + b"Content-Length: 0\r\nContent-Length: 0\r\n\r\n" + SMUGGLED: 400,
    # Section 6.2: 1*DIGIT, without sign, spaces, base or other digits.
    HEAD + b"Content-Length: +5\r\n\r\n" + SMUGGLED: 400,
    HEAD + b"Content-Length: 0x5\r\n\r\n" + SMUGGLED: 400,
    HEAD + b"Content-Length: 5 5\r\n\r\n" + SMUGGLED: 400,
    HEAD + b"Content-Length:\r\n\r\n" + SMUGGLED: 400,
    HEAD + "Content-Length: \u0665\r\n\r\n".encode() + SMUGGLED: 400,
    HEAD + b"Content-Length: 18446744073709551616\r\n\r\n" + SMUGGLED: 400,
    # Section 6.1: chunked comes once, and last; an unknown coding is not passed over (TE.TE).
    HEAD + CHUNKED + CHUNKED + b"\r\n0\r\n\r\n" + SMUGGLED: 400,
    HEAD + b"Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n" + SMUGGLED: 400,
    HEAD + b"Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n" + SMUGGLED: 400,
    HEAD + b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n" + SMUGGLED: 501,
    HEAD + b"Transfer-Encoding: identity\r\n\r\n0\r\n\r\n" + SMUGGLED: 501,
    HEAD + b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n" + SMUGGLED: 501,
    HEAD + b"Transfer-Encoding: \x0bchunked\r\n\r\n0\r\n\r\n" + SMUGGLED: 400,
    HEAD + b"Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n" + SMUGGLED: 400,
    HEAD.replace(b"1.1", b"1.0") + CHUNKED + b"\r\n0\r\n\r\n" + SMUGGLED: 400,
    # Section 7.1: chunk sizes are hex digits, chunks end with CRLF.
    HEAD + CHUNKED + b"\r\n0x1\r\na\r\n0\r\n\r\n" + SMUGGLED: 400,
    HEAD + CHUNKED + b"\r\n-1\r\na\r\n0\r\n\r\n" + SMUGGLED: 400,
    HEAD + CHUNKED + b"\r\n1 \r\na\r\n0\r\n\r\n" + SMUGGLED: 400,
    HEAD + CHUNKED + b"\r\n1\r\naXX0\r\n\r\n" + SMUGGLED: 400,  # CVE-2025-43859, in h11
    HEAD + CHUNKED + b"\r\n1\na\n0\n\n" + SMUGGLED: 400,
    HEAD + CHUNKED + b"\r\n1;a\nb\r\na\r\n0\r\n\r\n" + SMUGGLED: 400,
    HEAD + CHUNKED + b"\r\nfffffffffffffffff\r\n" + SMUGGLED: 400,
    # Section 5.2: a folded line belongs to the header before it, or does not.
    HEAD + b"X: y\r\n Content-Length: 77\r\n\r\n" + SMUGGLED: 400,
    HEAD + b"Content-Length:\r\n 77\r\n\r\n" + SMUGGLED: 400,
    # Section 2.2: a line ends with CRLF, and not with a bare CR or LF.
    HEAD + b"X: y\nContent-Length: 77\r\n\r\n" + SMUGGLED: 400,
    HEAD + b"X: y\rContent-Length: 77\r\n\r\n" + SMUGGLED: 400,
    HEAD + b"Content-Length: 5\n\nhello" + SMUGGLED: 400,
    b"POST /http-bind HTTP/1.1\nHost: a\r\n\r\n" + SMUGGLED: 400,
    # Section 5.1: no space between a name and its colon, and no name with anything odd.
    HEAD + b"Content-Length : 77\r\n\r\n" + SMUGGLED: 400,
    HEAD + b"Content-Length\t: 77\r\n\r\n" + SMUGGLED: 400,
    HEAD + b" Content-Length: 77\r\n\r\n" + SMUGGLED: 400,
    HEAD + b"Content_Length\0: 77\r\n\r\n" + SMUGGLED: 400,
    HEAD + b": 77\r\n\r\n" + SMUGGLED: 400,
    # RFC 9110, section 5.5: NUL and control bytes in values.
    HEAD + b"X: a\0b\r\nContent-Length: 0\r\n\r\n" + SMUGGLED: 400,
    HEAD + b"X: a\x01b\r\nContent-Length: 0\r\n\r\n" + SMUGGLED: 400,
    HEAD + b"X: a\x7fb\r\nContent-Length: 0\r\n\r\n" + SMUGGLED: 400,
    # RFC 9112, section 3: the request line.
    b"POST /http-bind HTTP/1.1 HTTP/1.0\r\nContent-Length: 0\r\n\r\n" + SMUGGLED: 400,
    b"POST /http-bind\r\nContent-Length: 0\r\n\r\n" + SMUGGLED: 505,
    b"POST /http\0bind HTTP/1.1\r\nContent-Length: 0\r\n\r\n" + SMUGGLED: 400,
    # Section 3.2: two hosts.
    HEAD + b"Host: other.example\r\nContent-Length: 0\r\n\r\n" + SMUGGLED: 400,
    # RFC 9110, section 9.3.6: what is behind CONNECT is for another server.
    b"CONNECT chat.example:80 HTTP/1.1\r\nHost: chat.example\r\n\r\n" + SMUGGLED: 501,
    # RFC 9112, section 6: a POST whose body nobody announces.
    HEAD + b"\r\n" + SMUGGLED: 411,
}
