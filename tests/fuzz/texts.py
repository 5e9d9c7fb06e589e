"""Any bytes where an address, a media type, a path, an answer or a script should be."""

import re
from contextlib import suppress
from functools import cache
from ipaddress import ip_address, ip_network
from pathlib import Path
from tempfile import TemporaryDirectory

import conformance.parser
from conformance.errors import ScriptError
from conformance.script import Script
from ecm.frontend.static.handler import StaticHandler
from ecm.http import content_type
from ecm.http.client_address import FORWARDED, X_FORWARDED_FOR, TrustedProxies
from ecm.limits import MAX_CONTENT_TYPE
from ecm.link import message
from ecm.tools.bosh import body
from ecm.tools.bosh.http import MAX_BODY, MAX_HEAD, Answer, BadAnswer, cut
from ecm.tools.stream.tcp import TcpWire
from ecm.tools.stream.websocket import WebSocketWire
from ecm.tools.stream.wire import Refused, Wire
from testkit.any_bytes import STATUS
from testkit.in_memory import Client, Joined
from tests.fuzz.target import Target, pieces, places, text_of

_TRUSTED = (ip_network("10.0.0.0/8"), ip_network("2001:db8::/32"))

# Names of media types that browsers take for pages, which may hold scripts.
_SCRIPTED = re.compile(rb"html|svg|xsl|xul|mathml", re.I)
_HEADER = re.compile(rb"[ -~]{1,%d}" % max(MAX_CONTENT_TYPE, len(content_type.DEFAULT)))

SECRET = b"not to be served"
_PAGE = b"a page " * 100
_LENGTH = re.compile(rb"\r\nContent-Length: ([0-9]+)\r\n", re.I)


def address(data: bytes) -> None:
    """Whatever proxies say, the client has an address, and ejabberd understands which.

    Each line is a header.
    """
    for header in (FORWARDED, X_FORWARDED_FOR):
        headers = [(header.encode(), line) for line in data.split(b"\n")]
        for peer in ("10.0.0.1", "2001:db8::7", "fe80::1%eth0"):
            found, _ = TrustedProxies(_TRUSTED, header).client(peer, headers)
            ip_address(found)
            line = message.decode(message.request_line(found, 51234, secure=False))
            assert ip_address(line.fields["peer"].rpartition(":")[0].strip("[]"))


def media(data: bytes) -> None:
    """The Content-Type of a session's answers is one line, and no type in which a script runs."""
    value = content_type.value(text_of(data))
    assert _HEADER.fullmatch(value), value
    assert value == content_type.DEFAULT or not _SCRIPTED.search(value), value


def www(data: bytes) -> None:
    """Below a folder, and nothing else, is served; one answer, as long as it says.

    The first line is the path, the second a range, the third a time.
    """
    path, of, since, *_ = [*data.split(b"\n"), b"", b"", b""]
    head = b"GET /%b HTTP/1.1\r\nRange: %b\r\nIf-Modified-Since: %b\r\n\r\n" % (path, of, since)
    client = Joined(StaticHandler(str(_folder()))).client()
    client.transport.stuck = True
    got = client.send(head) + _taken(client)
    assert SECRET not in got, got
    if len(STATUS.findall(got)) == 1 and got.startswith(b"HTTP/1.1 2"):
        headers, _, body = got.partition(b"\r\n\r\n")
        length = _LENGTH.search(headers + b"\r\n")
        assert length is not None and int(length[1]) == len(body), headers
    else:
        assert got.startswith((b"HTTP/1.1 3", b"HTTP/1.1 4", b"HTTP/1.1 5")), got


def _taken(client: Client) -> bytes:
    taken = b""
    while client.transport.watcher is not None:
        client.transport.stuck = False
        client.transport.unstick()
        taken += client.transport.written()
    return taken


@cache
def _folder() -> Path:
    """A folder with pages, and beside them what is not to be served."""
    _folders.append(TemporaryDirectory(prefix="megaphone-fuzz-"))
    outside = Path(_folders[0].name)
    folder = outside / "www"
    (folder / "a" / ".git").mkdir(parents=True)
    (folder / ".well-known").mkdir()
    for page in ("index.html", "a/index.html", "a/page", ".well-known/host-meta"):
        (folder / page).write_bytes(_PAGE)
    for hidden in (outside / "secret", folder / ".hidden", folder / "a" / ".git" / "config"):
        hidden.write_bytes(SECRET)
    (folder / "link").symlink_to(outside / "secret")
    return folder


_folders: list[TemporaryDirectory[str]] = []


def swarm(data: bytes) -> None:
    """An answer, none yet, or the one error; more bytes change nothing but what is behind it."""
    decided: Answer | str | None = None
    for end in [*sorted(places(data)), len(data)]:
        now = _cut(data[:end])
        if isinstance(decided, Answer) and isinstance(now, Answer):
            decided = decided._replace(rest=now.rest)
        assert decided is None or now == decided, (decided, now)
        decided = now
    for read in (body.sid, body.hold, body.termination):
        with suppress(BadAnswer):
            read(data)
    assert decided is not None or len(data) <= MAX_HEAD + MAX_BODY


def swarm_stream(data: bytes) -> None:
    """The same is heard, or the one error, however the bytes come, until the server ends it."""
    for wire in (TcpWire("localhost", False), WebSocketWire("a", "/", "localhost", b"n", b"mask")):
        whole = _heard(wire, [data])
        assert _heard(wire, pieces(data)) == whole, whole
        with suppress(BadAnswer, Refused):
            wire.opening(data)


def _heard(wire: Wire, parts: list[bytes]) -> tuple[bytes, bytes, bool]:
    """Return the texts, what is to be sent, and whether there was an error."""
    text = reply = rest = b""
    for part in parts:
        try:
            heard = wire.heard(rest + part)
        except BadAnswer:
            return b"", b"", True
        text, reply, rest = text + heard.text, reply + heard.reply, heard.rest
        if heard.ended and heard.reply:
            break  # of a WebSocket
    return text, reply, False


def _cut(data: bytes) -> Answer | str | None:
    try:
        return cut(data)
    except BadAnswer:
        return "no answer"


def script(data: bytes) -> None:
    """A script, or the one error, which names a line that there is."""
    text = text_of(data)
    try:
        assert isinstance(conformance.parser.parse("fuzzed", text), Script)
    except ScriptError as error:
        assert 0 <= error.line <= len(text.splitlines()) + 1, error


TARGETS = {
    "address": Target(address),
    "content-type": Target(media, 2 * MAX_CONTENT_TYPE),
    "www": Target(www),
    "swarm": Target(swarm),
    "swarm-stream": Target(swarm_stream),
    "script": Target(script),
}
