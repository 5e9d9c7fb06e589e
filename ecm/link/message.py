"""Messages of a typed link: the contents of its packets (docs/protocol.md, "Typed contents"). Pure.

::

    content = line [LF body]
    line    = type *(SP word) *(SP field)    ; at most 1,024 bytes
    field   = key "=" value                  ; the value percent-encoded UTF-8
"""

import re
from base64 import b64encode
from collections.abc import Callable, Sequence
from ipaddress import IPv4Address, IPv6Address
from typing import Final
from urllib.parse import quote, unquote_to_bytes

import attrs

from ecm.limits import MAX_LINE, MAX_PACKET_LIMIT, MIN_PACKET_LIMIT, TRUNCATED_BODY
from ecm.link.packet import MAX_ID

# The beginning of the answer that nearly all requests get.
ANSWER_200: Final = b"answer 200\n"

# The beginning of each request, and of nearly all messages of streams.
REQUEST: Final = b"request"
MESSAGE: Final = b"message\n"

# Kinds of streams.
WEBSOCKET: Final = "websocket"
TCP: Final = "tcp"

# The reasons of ``close``: the client has gone, or has closed its end and may still wait for the
# answer, or ECM has answered by itself.
GONE: Final = "gone"
HALF_CLOSED: Final = "half-closed"
GAVE_UP: Final = "gave-up"

# The reasons of ``close`` for a stream whose session has ended as it should, and for one that was
# not let in: then nothing was said on it.
END: Final = "end"
REFUSED: Final = "refused"

_TYPE: Final = re.compile(rb"[a-z-]+")
_FIELD: Final = re.compile(rb"([a-z0-9-]+)=((?:[!-$&-~]|%[0-9A-Fa-f]{2})*)")
_PEER: Final = re.compile(r"(?:([0-9.]+)|\[([0-9A-Fa-f:.]+)\]):([0-9]{1,5})")

_TRUNCATED: Final = b" truncated=1\n"

# The client, and whether its connection is encrypted; and the line of requests with that.
_ORIGIN: Final = b"peer=%b secure=%d"
_REQUEST: Final = b"request %b\n" % _ORIGIN

# The bytes that a value has unencoded: all visible ASCII except the percent sign.
_UNENCODED: Final = "".join(chr(sign) for sign in range(0x21, 0x7F) if sign != 0x25)


class ContentError(ValueError):
    """A content does not follow the grammar; ``name`` is one of the faults in docs/protocol.md."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.name = name


class UnknownType(ValueError):
    """A content is of a type that this version does not have."""


@attrs.frozen
class Message:
    """A message. ``args`` are its words; ``body`` is None in types without one."""

    type: str
    args: tuple[str, ...] = ()
    fields: dict[str, str] = attrs.Factory(dict)
    body: bytes | None = None


def _matches(pattern: str) -> Callable[[str], bool]:
    compiled = re.compile(pattern)
    return lambda text: compiled.fullmatch(text) is not None


def _is_name(text: str) -> bool:
    return re.fullmatch("[^\x00-\x1f\x7f-\x9f]+", text) is not None


def _is_instance(text: str) -> bool:
    return _is_name(text) and len(text.encode()) <= 255


def _is_max_packet(text: str) -> bool:
    digits = re.fullmatch("[0-9]{1,10}", text)
    return digits is not None and MIN_PACKET_LIMIT <= int(text) <= MAX_PACKET_LIMIT


def _is_window(text: str) -> bool:
    digits = re.fullmatch("[0-9]{1,10}", text)
    return digits is not None and int(text) > 0


def _is_number(text: str) -> bool:
    return re.fullmatch("[0-9]{1,20}", text) is not None and int(text) <= MAX_ID


def _is_peer(text: str) -> bool:
    match = _PEER.fullmatch(text)
    if match is None or int(match[3]) > 65_535:
        return False
    try:
        IPv4Address(match[1]) if match[1] else IPv6Address(match[2])
    except ValueError:
        return False
    return True


_FLAG: Final = _matches("[01]")
_TOKEN: Final = _matches("[!-~]{1,32}")
_BINDING: Final = _matches("[A-Za-z0-9+/]{42}[AEIMQUYcgkosw048]=")  # 32 bytes in base64
_WORD: Final = _matches("[!-~]+")
_CLUSTER: Final = _matches("[0-9a-f]{16}")
_LINK: Final = _matches("[0-9a-f]{32}")
_PROOF: Final = _matches("[0-9a-f]{64}")
_STATUS: Final = _matches("(?!204|205|304)[2-5][0-9][0-9]")
_CLOSE_CODE: Final = _matches("[1-4][0-9]{3}")
_CODE: Final = _matches("[a-z-]+")
_TEXT: Final = _matches("[ -~]+")
_ANY: Final = _matches("(?s).*")


@attrs.frozen
class _Grammar:
    """The grammar of a type: checks of its args and fields, and whether it has a body.

    With ``text`` the last arg goes to the end of the line.
    """

    args: tuple[Callable[[str], bool], ...] = ()
    required: tuple[str, ...] = ()
    fields: dict[str, Callable[[str], bool]] = attrs.Factory(dict)
    body: bool = False
    text: bool = False


_GRAMMARS: Final = {
    "hello": _Grammar(
        required=("version", "role", "instance", "max-packet", "nonce"),
        fields={
            "version": _matches("[0-9]{1,5}(,[0-9]{1,5})*"),
            "role": _matches("ecm|ejabberd"),
            "instance": _is_instance,
            "max-packet": _is_max_packet,
            "max-content": _is_max_packet,
            "window": _is_window,
            "nonce": _matches("[0-9a-f]{32}"),
            "proof": _PROOF,
            "features": _matches("([a-z0-9-]+(,[a-z0-9-]+)*)?"),
        },
    ),
    "proof": _Grammar(args=(_PROOF,)),
    "ping": _Grammar(args=(_TOKEN,), fields={"stats": _FLAG}),
    "pong": _Grammar(args=(_TOKEN,), fields={"load": _is_number, "cluster": _CLUSTER}),
    "stats": _Grammar(body=True),
    "inspect": _Grammar(
        args=(_TOKEN,), fields={"jid": _is_name, "sid": _is_name, "id": _is_number}
    ),
    "inspected": _Grammar(args=(_TOKEN,), fields={"why": _CODE, "more": _is_number}, body=True),
    "drain": _Grammar(),
    "nodes": _Grammar(body=True),
    "resume": _Grammar(fields={"link": _LINK, "got": _is_number, "over": _LINK}),
    "ack": _Grammar(args=(_is_number,)),
    "request": _Grammar(
        fields={
            "peer": _is_peer,
            **dict.fromkeys(("secure", "truncated", "redirected", "full"), _FLAG),
        },
        body=True,
    ),
    "misdirected": _Grammar(
        required=("node",),
        fields={"node": _is_instance, "peer": _is_peer, "secure": _FLAG},
        body=True,
    ),
    "part": _Grammar(body=True),
    "answer": _Grammar(args=(_STATUS,), fields={"content-type": _ANY}, body=True),
    "open": _Grammar(args=(_CODE,), fields={"peer": _is_peer, "secure": _FLAG, "cb": _BINDING}),
    "message": _Grammar(body=True),
    "more": _Grammar(args=(_is_number,)),
    "leave": _Grammar(),
    "left": _Grammar(),
    "close": _Grammar(args=(_WORD,), fields={"status": _CLOSE_CODE}),
    "error": _Grammar(args=(_CODE, _TEXT), text=True),
}


def decode(content: bytes) -> Message:
    """Return the message of a content. Raises ContentError and UnknownType."""
    line, lf, body = content.partition(b"\n")
    if len(line) > MAX_LINE:
        raise ContentError("line-too-long")
    name, space, rest = line.partition(b" ")
    if not _TYPE.fullmatch(name):
        raise ContentError("bad-type")
    grammar = _GRAMMARS.get(name.decode())
    if grammar is None:
        raise UnknownType(name.decode())
    if grammar.body is not bool(lf):
        raise ContentError("body-missing" if grammar.body else "body-unwanted")
    tokens = rest.split(b" ", len(grammar.args) - 1 if grammar.text else -1) if space else []
    args = _args(tokens, grammar)
    fields = _fields(tokens[len(grammar.args) :], grammar)
    return Message(name.decode(), args, fields, body if grammar.body else None)


def _args(tokens: list[bytes], grammar: _Grammar) -> tuple[str, ...]:
    args = tuple(token.decode("latin-1") for token in tokens[: len(grammar.args)])
    if len(args) < len(grammar.args):
        raise ContentError("bad-word")
    if not all(check(arg) for check, arg in zip(grammar.args, args, strict=True)):
        raise ContentError("bad-word")
    return args


def _fields(tokens: list[bytes], grammar: _Grammar) -> dict[str, str]:
    raw: dict[str, bytes] = {}
    for token in tokens:
        match = _FIELD.fullmatch(token)
        key = match[1].decode() if match else ""
        if match is None or key in raw:
            raise ContentError("bad-field")
        raw[key] = unquote_to_bytes(match[2])
    if not raw.keys() >= set(grammar.required):
        raise ContentError("missing-field")
    try:
        fields = {key: value.decode() for key, value in raw.items()}
    except UnicodeDecodeError:
        raise ContentError("bad-value") from None
    if not all(check(fields[key]) for key, check in grammar.fields.items() if key in fields):
        raise ContentError("bad-value")
    return fields


def fields_of(line: bytes) -> dict[str, str]:
    """Return the fields of a line that has nothing else, as in a body. Raises ContentError."""
    return _fields(line.split(b" "), _Grammar())


def encode(
    name: str, args: Sequence[str] = (), fields: dict[str, str] | None = None, body: bytes = b""
) -> bytes:
    """Return the content of a message of type ``name``."""
    encoded = [f"{key}={quote(value, _UNENCODED)}" for key, value in (fields or {}).items()]
    line = " ".join([name, *args, *encoded]).encode()
    return b"%b\n%b" % (line, body) if _GRAMMARS[name].body else line


def request_line(address: str, port: int, secure: bool) -> bytes:
    """Return the line of a client's requests, LF included: the content is the line and the body.

    ``address`` is empty where it is not known, as on a UNIX socket; ``secure`` is set where the
    request came over TLS.
    """
    return b"request %b\n" % _origin(address, port, secure)


def request_line_of(peer: bytes, secure: bool) -> bytes:
    """Return the same for what ``peer_text`` makes, which is there before in most requests."""
    return _REQUEST % (peer, secure)


def peer_text(address: str, port: int) -> bytes:
    """Return an address that is known and its port as lines have them: 192.0.2.7:51234, or
    [2001:db8::7]:51234."""
    if ":" in address:
        address = f"[{address.partition('%')[0]}]"  # a zone means something on this host only
    return f"{address}:{port}".encode()


def open_line(kind: str, address: str, port: int, secure: bool, binding: bytes = b"") -> bytes:
    """Return the content that opens a stream, for a client as in ``request_line``.

    ``binding`` has the 32 bytes of ``tls-exporter`` (RFC 9266) where TLS ends here, in version 1.3:
    a login over the stream may be bound to them.
    """
    line = b"open %b %b" % (kind.encode(), _origin(address, port, secure))
    return b"%b cb=%b" % (line, b64encode(binding)) if binding else line


def _origin(address: str, port: int, secure: bool) -> bytes:
    return _ORIGIN % (peer_text(address, port), secure) if address else b"secure=%d" % secure


def full(line: bytes) -> bytes:
    """Return the line of a request that must not begin a session: ECM is full."""
    return line[:-1] + b" full=1\n"


def truncated(line: bytes) -> bytes:
    """Return the line of a request whose body is only the beginning of the client's."""
    return line if line.endswith(_TRUNCATED) else line[:-1] + _TRUNCATED


def beginning(line: bytes, body: bytes, size: int) -> tuple[bytes, bytes]:
    """Return line and body for a body that is too long for a link that carries ``size`` bytes."""
    return truncated(line), body[: min(size, TRUNCATED_BODY)]
