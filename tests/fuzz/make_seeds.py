"""``python -m tests.fuzz.make_seeds``: write the seeds anew, from the tables of the tests."""

import shutil
from collections.abc import Iterable
from pathlib import Path

from conformance.runner import FOLDER
from ecm.limits import MAX_LINE, MAX_PROXY_HEADER
from ecm.link.message import MESSAGE
from ecm.websocket.frames import BINARY, CLOSE, PING, TEXT, frame
from testkit.packet_vectors import VECTORS
from testkit.samples import before_tls
from testkit.samples.content_types import BREAKS, MALFORMED, OTHERS, PARAMETERS, SCRIPTED, XML
from testkit.samples.exchanges import CLOSED, KEPT, cases
from testkit.samples.forwarded import FORWARDED_FOR, X_FORWARDED_FOR
from testkit.samples.http_answers import ANSWERS
from testkit.samples.http_requests import ERRORS, LAST_REQUESTS, REQUESTS
from testkit.samples.proxy_headers import HEADERS, NO_HEADERS
from testkit.samples.smuggling import ATTACKS
from testkit.samples.websocket import FAULTS, MESSAGES
from testkit.typed_vectors import CONVERSATIONS, STREAMS, content
from testkit.typed_vectors import VECTORS as TYPED
from testkit.websocket_frames import masked
from tests.fuzz.clients import MAX_BODY, MAX_HEADER_SIZE, MAX_HEADERS
from tests.fuzz.targets import SEEDS, TARGETS
from tests.fuzz.wire import MAX_PACKET

_CHUNKED = b"POST /http-bind HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n"
_BODY = b"POST /http-bind HTTP/1.1\r\nContent-Length: %d\r\n\r\n"
_GET = b"GET / HTTP/1.1\r\n"

# One for each limit, which is passed.
_PAST_LIMITS = [
    _GET + b"A: " + b"b" * 4 * MAX_HEADER_SIZE,
    _GET + b"A" * 4 * MAX_HEADER_SIZE,
    b"GET /" + b"a" * 4 * MAX_HEADER_SIZE,
    _GET + b"A: b\r\n" * 2 * MAX_HEADERS,
    _BODY % MAX_BODY + b"a" * (MAX_BODY - 1),
    _BODY % (MAX_BODY + 1) + b"a" * 2 * MAX_BODY,
    _CHUNKED + b"1\r\na\r\n" * 2 * MAX_BODY,
    _CHUNKED + b"%x\r\n" % (2 * MAX_BODY) + b"a" * 2 * MAX_BODY,
    _CHUNKED + b"1;" + b"a" * 4 * MAX_HEADER_SIZE,
    _CHUNKED + b"1\r\na\r\n0\r\nA: " + b"b" * 4 * MAX_HEADER_SIZE,
    _CHUNKED + b"1\r\na\r\n0\r\n" + b"A" * 4 * MAX_HEADER_SIZE,
    _CHUNKED + b"1\r\na\r\n0\r\n" + b"A: b\r\n" * MAX_HEADER_SIZE,
    (_BODY % 7 + b"<body/>") * 100,
    _GET * 3 + b"\r\n" * 2000,
]

_PATHS = [
    *(b"", b"index.html", b"a", b"a/", b"a/page", b".hidden", b"a/.git/config", b"link"),
    *(b"../secret", b"%2e%2e/secret", b"x%2f..%2f.hidden", b"a%00", b"//secret", b"a/../.hidden"),
    *(b".well-known/host-meta", b"index.html\nbytes=3-7", b"index.html\nbytes=-5,1-2"),
    b"index.html\nbytes=900-\nThu, 01 Jan 1970 00:00:00 GMT",
]


# Words of a server to a client.
_ELEMENTS = [
    b"<?xml version='1.0'?><stream:stream from='a'><stream:features><a b='>'/></stream:features>",
    b"<message><body>a</body></message><presence/></stream:stream>",
    b"<a b='<c/>",
    b"</a>",
]
_OPCODES = (TEXT, BINARY, CLOSE, PING)

# Records as the target has them: types and lengths in front of the content.
_DATA = b"\x17\4data"
_UPDATE = b"\x16\5\x18\0\0\1\1"
_SEALED = [
    *(_DATA + _DATA, b"\x17\0" + _DATA, _DATA + b"\x15\2\1\0" + _DATA, b"\x15\2\1\x5a" + _DATA),
    *(_UPDATE + _DATA + _UPDATE + _DATA, b"\x16\1\x18\x16\4\0\0\1\0", b"\x16\2\x18\0" + _DATA),
    *(
        b"\x15\2\2\x28" + _DATA,
        b"\x15\4\1\0\1\0",
        b"\x16\5\1\0\0\1\0",
        b"\x14\1\1",
        b"\0\4\0\0\0\0",
    ),
    *(b"\x16\x0a" + 2 * _UPDATE[2:], 40 * _UPDATE, 40 * b"\x17\0", b"\x16\5\x18\0\0\1\2"),
]
_RECORDS = [
    *(
        b"\x14\3\3\0\1\1",
        b"\x15\3\3\0\2\2\x28",
        b"\x16\3\3\0\5\1\0\0\1\0",
        b"GET / HTTP/1.1\r\n\r\n",
    ),
    *(b"\x17\3\3\0\x20" + bytes(32), b"\x17\3\3\0\x0f" + bytes(15), b"\x17\3\3\x41\1"),
]


# A long message either way without credit, one that is not read, the ends, and what waits for them.
_STEPS = [
    b"=" + b"a" * 1000 + b"\n\n=b\n\n=c\n\nmore 2000\n\nmore 40\n\nmore 80\n\nclose end\n\n=d",
    b".\n\nmessage\n" + b"a" * 1000 + b"\n\nmessage\nb\n\nmessage\nc\n\n+++\n\n.",
    b".\n\nmessage\na\n\nclose failed status=1008\n\n" + b"+" * 40,
    b"<" + masked(TEXT, b"a" * 99)[:50] + b"\n\n" + b"+" * 40,
    b"<" + masked(PING, b"a") * 50 + b"\n\n<" + masked(CLOSE) + b"\n\nmessage\na\n\nclose end",
    b"=" + b"a" * 1000 + b"\n\n<" + masked(CLOSE) + b"\n\nerror credit x\n\nclose end",
    b"close end\n\nclose end\n\nopen websocket\n\n200\n\npart\na\n\nmore 1",
]


def write(target: str, name: str, seeds: Iterable[bytes]) -> None:
    for number, seed in enumerate(seeds):
        (SEEDS / target / f"{name}-{number:02}").write_bytes(seed)


def conversations() -> Iterable[bytes]:
    """Yield ejabberd's part of those in docs/protocol.md, as steps, on each kind of link."""
    for conversation in (*CONVERSATIONS.values(), *STREAMS.values()):
        steps = [
            (b"0" if step["id"] == "0" else b"") + content(step)
            for step in conversation["steps"]
            if step["from"] == "ejabberd"
        ]
        for kind in (b"\0", b"\1", b"\2"):
            yield kind + b"\n\n".join([*steps, b"+" * 12, b"!", b">"])


def write_tls() -> None:
    write("streams", "conversation", steps())
    write("streams", "step", _STEPS)
    write("tls", "record", _RECORDS)
    write("tls-sealed", "record", _SEALED)
    good = [header + request for header in before_tls.HEADERS for request in before_tls.REQUESTS]
    write("starttls", "request", good[:: len(before_tls.REQUESTS) + 1])
    write("starttls", "beginning", (data for data, _ in before_tls.BEGINNINGS))
    behind = [data for data, _ in before_tls.CONTINUATIONS]
    write("starttls", "behind", (before_tls.HEADER + data for data in behind))
    injected = (before_tls.HEADER + before_tls.STARTTLS + data for data in before_tls.INJECTED)
    write("starttls", "injected", injected)


def steps() -> Iterable[bytes]:
    """Yield both parts of those streams, as steps of the target."""
    for conversation in STREAMS.values():
        yield b"\n\n".join(
            content(step) if step["from"] == "ejabberd" else b"=" + content(step)[len(MESSAGE) :]
            for step in conversation["steps"]
            if step["id"] != "0"
        )


def write_swarm() -> None:
    write("swarm", "answer", ANSWERS)
    write("swarm", "body", [b"<?xml version='1.0'?><body a='>' sid='1' type='terminate'/>"])
    write("swarm-stream", "element", _ELEMENTS)
    write("swarm-stream", "frame", (frame(each, _ELEMENTS[0]) for each in _OPCODES))


def main() -> None:
    for target in TARGETS:
        shutil.rmtree(SEEDS / target, ignore_errors=True)
        (SEEDS / target).mkdir(parents=True)
    write("client", "request", (data for data, _ in REQUESTS + LAST_REQUESTS))
    write("client", "answered", (request for request, _ in cases(KEPT + CLOSED)))
    write("client", "error", (data for data, _ in ERRORS))
    write("client", "smuggling", ATTACKS)
    write("bounded", "request", (data for data, _ in REQUESTS))
    write("bounded", "limit", _PAST_LIMITS)
    write("packet", "packet", (bytes.fromhex(vector["packet"]) for vector in VECTORS["packets"]))
    write("packet", "error", (bytes.fromhex(vector["bytes"]) for vector in VECTORS["errors"]))
    write("packet", "limit", [b"%010d|%020d|" % (MAX_PACKET, 7) + b"x" * (MAX_PACKET - 33)])
    write("proxy", "header", HEADERS)
    write("proxy", "none", NO_HEADERS)
    write(
        "proxy", "limit", [b"\r\n\r\n\0\r\nQUIT\n\x21\x11" + b"\x10\x01" + b"x" * MAX_PROXY_HEADER]
    )
    write("message", "content", map(content, TYPED["contents"]))
    write("message", "error", map(content, TYPED["errors"]))
    write("message", "limit", [b"error malformed " + b"x" * MAX_LINE])
    write("link", "conversation", conversations())
    write(
        "link",
        "hello",
        [b"\0H\n\n7\n\n+", b"\1P\n\n0ping 1\n\n+++", b"\0H" + b"\n\n0ping a" * 200],
    )
    write("address", "address", (text.encode() for text in [*X_FORWARDED_FOR, *FORWARDED_FOR]))
    media = [*XML, *OTHERS, *SCRIPTED, *BREAKS, *MALFORMED, *PARAMETERS]
    write("content-type", "type", (asked.encode() for asked in media))
    write("www", "path", _PATHS)
    short = TARGETS["websocket"].longest
    for target in ("websocket", "websocket-client"):
        write(target, "message", (data for data, _ in MESSAGES if len(data) <= short))
        write(target, "fault", (data for data, _ in FAULTS if len(data) <= short))
    write_tls()
    write_swarm()
    write("script", "script", map(Path.read_bytes, sorted(FOLDER.rglob("*.bosh"))[::8]))


if __name__ == "__main__":
    main()
