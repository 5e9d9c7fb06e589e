"""Requests, and the whole answer to each, byte for byte.

In the scripts each line after ``>`` goes to ECM and each after ``<`` comes back, with a CRLF at its
end; what stands after ``>>`` and ``<<`` has no other end than what is written there. Requests with
``or`` between them have the same answer. ``< ...`` are the lines that all refusals have. What every
answer has behind its first line is not written. ejabberd, at the other end of the link, answers a
body with the same one.
"""

from collections.abc import Iterator

EVERY_ANSWER = [
    "X-Content-Type-Options: nosniff",
    "Content-Security-Policy: default-src 'none'; sandbox",
]

REFUSAL = [
    "Content-Type: text/plain; charset=utf-8",
    "Date: Thu, 01 Jan 1970 00:00:00 GMT",
    "Access-Control-Allow-Origin: *",
    "Connection: close",
]

# The connection stays open.
KEPT = r"""
a POST, with a query, a slash at the end, in absolute-form, in chunks with a trailer
> POST /http-bind HTTP/1.1
> Host: chat.example
> Content-Type: text/xml; charset=utf-8
> Content-Length: 7
>
>> <body/>
or
> POST /http-bind?nocache=4711 HTTP/1.1
> Host: chat.example
> Content-Length: 7
>
>> <body/>
or
> POST /http-bind/ HTTP/1.1
> Host: chat.example
> Content-Length: 7
>
>> <body/>
or
> POST http://chat.example:5280/http-bind HTTP/1.1
> Host: chat.example:5280
> Content-Length: 7
>
>> <body/>
or
> POST /http-bind HTTP/1.1
> Host: chat.example
> Transfer-Encoding: chunked
>
> 3;speed=1
> <bo
> 4
> dy/>
> 0
> Checksum: 4711
>
< HTTP/1.1 200 OK
< Content-Type: text/xml; charset=utf-8
< Date: Thu, 01 Jan 1970 00:00:00 GMT
< Access-Control-Allow-Origin: *
< Content-Length: 7
<
<< <body/>

a POST with an empty body
> POST /http-bind HTTP/1.1
> Host: chat.example
> Content-Length: 0
>
< HTTP/1.1 200 OK
< Content-Type: text/xml; charset=utf-8
< Date: Thu, 01 Jan 1970 00:00:00 GMT
< Access-Control-Allow-Origin: *
< Content-Length: 0
<

a POST of HTTP/1.0 that wants to keep the connection
> POST /http-bind HTTP/1.0
> Connection: keep-alive
> Content-Length: 7
>
>> <body/>
< HTTP/1.1 200 OK
< Content-Type: text/xml; charset=utf-8
< Date: Thu, 01 Jan 1970 00:00:00 GMT
< Access-Control-Allow-Origin: *
< Connection: keep-alive
< Content-Length: 7
<
<< <body/>

GET, to see whether the address works
> GET /http-bind HTTP/1.1
> Host: chat.example
>
< HTTP/1.1 200 OK
< Content-Type: text/plain; charset=utf-8
< Date: Thu, 01 Jan 1970 00:00:00 GMT
< Access-Control-Allow-Origin: *
< Content-Length: 134
<
<< This is the BOSH address (XEP-0124) of a chat server. It works.\n
<< Give it to a chat client; there is nothing to read here in a browser.\n

HEAD, the same without a body
> HEAD /http-bind HTTP/1.1
> Host: chat.example
>
< HTTP/1.1 200 OK
< Content-Type: text/plain; charset=utf-8
< Date: Thu, 01 Jan 1970 00:00:00 GMT
< Access-Control-Allow-Origin: *
< Content-Length: 134
<

OPTIONS, with which a browser asks for leave
> OPTIONS /http-bind HTTP/1.1
> Host: chat.example
> Origin: https://chat.example
> Access-Control-Request-Method: POST
> Access-Control-Request-Headers: content-type
>
< HTTP/1.1 200 OK
< Allow: POST, GET, HEAD, OPTIONS
< Access-Control-Allow-Methods: POST, GET, HEAD, OPTIONS
< Access-Control-Allow-Headers: Content-Type
< Access-Control-Max-Age: 86400
< Date: Thu, 01 Jan 1970 00:00:00 GMT
< Access-Control-Allow-Origin: *
< Content-Length: 0
<

PUT, which is not allowed
> PUT /http-bind HTTP/1.1
> Host: chat.example
> Content-Length: 7
>
>> <body/>
< HTTP/1.1 405 Method Not Allowed
< Content-Type: text/plain; charset=utf-8
< Allow: POST, GET, HEAD, OPTIONS
< Date: Thu, 01 Jan 1970 00:00:00 GMT
< Access-Control-Allow-Origin: *
< Content-Length: 25
<
<< This address takes POST.\n

another path
> GET /http-binding HTTP/1.1
> Host: chat.example
>
< HTTP/1.1 404 Not Found
< Content-Type: text/plain; charset=utf-8
< Date: Thu, 01 Jan 1970 00:00:00 GMT
< Content-Length: 23
<
<< There is nothing here.\n
"""

# The connection closes.
CLOSED = r"""
a POST that asks for it, and one of HTTP/1.0 that does not ask to keep it
> POST /http-bind HTTP/1.1
> Host: chat.example
> Connection: close
> Content-Length: 7
>
>> <body/>
or
> POST /http-bind HTTP/1.0
> Content-Length: 7
>
>> <body/>
< HTTP/1.1 200 OK
< Content-Type: text/xml; charset=utf-8
< Date: Thu, 01 Jan 1970 00:00:00 GMT
< Access-Control-Allow-Origin: *
< Connection: close
< Content-Length: 7
<
<< <body/>

other protocols
> <stream:stream to='chat.example'>
< HTTP/1.1 400 Bad Request
< ...
< Content-Length: 22
<
<< This is not HTTP/1.1.\n

a POST without a length
> POST /http-bind HTTP/1.1
> Host: chat.example
>
< HTTP/1.1 411 Length Required
< ...
< Content-Length: 31
<
<< A POST needs a Content-Length.\n

a body that is too long for a session: its first bytes are what ejabberd gets
> POST /http-bind HTTP/1.1
> Host: chat.example
> Content-Length: 21
>
>> <body>01234567</body>
or
> POST /http-bind HTTP/1.1
> Host: chat.example
> Transfer-Encoding: chunked
>
> 3
> <bo
> 12
>> dy>01234567</body>
< HTTP/1.1 200 OK
< Content-Type: text/xml; charset=utf-8
< Date: Thu, 01 Jan 1970 00:00:00 GMT
< Access-Control-Allow-Origin: *
< Connection: close
< Content-Length: 20
<
<< <body>01234567</body

a body that is too long, where no session can be told of it
> POST /elsewhere HTTP/1.1
> Host: chat.example
> Content-Length: 21
>
>> <body>01234567</body>
or
> PUT /http-bind HTTP/1.1
> Host: chat.example
> Content-Length: 21
>
>> <body>01234567</body>
< HTTP/1.1 413 Request Entity Too Large
< ...
< Content-Length: 22
<
<< The body is too long.\n

a head that is too long
> GET /http-bind HTTP/1.1
> Host: chat.example
>> Cookie: session=0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef
>> 0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef
>> 0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef
>> 0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef
>
>
< HTTP/1.1 431 Request Header Fields Too Large
< ...
< Content-Length: 22
<
<< The head is too long.\n

too many headers
> GET /http-bind HTTP/1.1
> Host: chat.example
> A: 1
> A: 2
> A: 3
> A: 4
> A: 5
> A: 6
> A: 7
> A: 8
> A: 9
>
< HTTP/1.1 431 Request Header Fields Too Large
< ...
< Content-Length: 28
<
<< There are too many headers.\n

a transfer coding that is not known
> POST /http-bind HTTP/1.1
> Host: chat.example
> Transfer-Encoding: gzip
>
< HTTP/1.1 501 Not Implemented
< ...
< Content-Length: 37
<
<< The only transfer coding is chunked.\n

CONNECT
> CONNECT chat.example:443 HTTP/1.1
> Host: chat.example:443
>
< HTTP/1.1 501 Not Implemented
< ...
< Content-Length: 30
<
<< There is no way through here.\n

another version
> GET /http-bind HTTP/2.0
> Host: chat.example
>
< HTTP/1.1 505 HTTP Version Not Supported
< ...
< Content-Length: 34
<
<< Only 1.0 and 1.1 are spoken here.\n
"""

# There is no link to ejabberd.
UNLINKED = r"""
a POST
> POST /http-bind HTTP/1.1
> Host: chat.example
> Content-Length: 7
>
>> <body/>
< HTTP/1.1 503 Service Unavailable
< Content-Type: text/plain; charset=utf-8
< Retry-After: 5
< Date: Thu, 01 Jan 1970 00:00:00 GMT
< Access-Control-Allow-Origin: *
< Content-Length: 75
<
<< The front end is up, but has no link to the chat server. Please try again.\n
"""

# Ten seconds pass.
SLOW = r"""
half a head, or half a body
> POST /http-bind HTTP/1.1
>> Host: ch
or
> POST /http-bind HTTP/1.1
> Host: chat.example
> Content-Length: 7
>
>> <body
< HTTP/1.1 408 Request Timeout
< ...
< Content-Length: 29
<
<< The request came too slowly.\n
"""


def cases(script: str) -> Iterator[tuple[bytes, bytes]]:
    """Yield each request of a script, and its answer."""
    for block in script.strip("\n").split("\n\n"):
        _, *lines = block.splitlines()
        answer = said("<", lines)
        for request in "\n".join(lines).split("\nor\n"):
            yield said(">", request.splitlines()), answer


def said(who: str, lines: list[str]) -> bytes:
    """Return the bytes of one side."""
    parts = []
    for line in lines:
        mark, _, text = line.partition(" ")
        if text == "...":
            text = "\r\n".join(REFUSAL)
        elif mark == "<" and text.startswith("HTTP/1.1 "):
            text = "\r\n".join([text, *EVERY_ANSWER])
        if mark == who:
            parts.append(f"{text}\r\n")
        elif mark == who * 2:
            parts.append(text.replace(r"\n", "\n"))
    return "".join(parts).encode()
