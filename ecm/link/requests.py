"""Messages about requests and streams on a typed link: what ejabberd says of one, and ECM. Pure."""

from typing import Final

from ecm.link import message
from ecm.link.agreement import Agreement
from ecm.link.events import (
    Answered,
    Credited,
    Dropped,
    Event,
    Failed,
    Left,
    Misdirected,
    Part,
    Received,
    Send,
)
from ecm.link.message import ContentError, Message, UnknownType

# Bytes of an unknown type that an error repeats: its line must have an end, too.
_REPEATED: Final = 64


def cancel(connection_id: int, reason: str) -> Send:
    """Announce that nobody waits for the answer to a request any more, or that a stream ends."""
    return Send(connection_id, message.encode("close", [reason]))


def reject(connection_id: int, reason: str) -> list[Event]:
    """Give up an answer whose parts are more than ECM can hold."""
    return _failed(connection_id, "too-long", reason)


def give_up(connection_id: int, reason: str) -> list[Event]:
    """Give up a stream on which ejabberd is wrong about credit."""
    return _failed(connection_id, "credit", reason)


def give_up_returned(connection_id: int) -> list[Event]:
    """Give up a request that ejabberd gives back again and again."""
    return _failed(connection_id, "unexpected", "misdirected, though redirected")


def receive(connection_id: int, content: bytes, agreement: Agreement) -> list[Event]:
    """Return what ejabberd says of a request or a stream."""
    try:
        received = message.decode(content)
    except UnknownType as unknown:
        return _failed(connection_id, "unknown-type", str(unknown)[:_REPEATED])
    except ContentError as error:
        if content.startswith(b"error"):  # which is never answered with another
            return [Failed(connection_id, not_understood("malformed", error.name))]
        return _failed(connection_id, "malformed", error.name)
    return _about_client(connection_id, received, agreement)


def _about_client(connection_id: int, received: Message, agreement: Agreement) -> list[Event]:
    match received.type:
        case "answer":
            content_type = received.fields.get("content-type")
            status, body = int(received.args[0]), received.body or b""
            return [Answered(connection_id, status, body, content_type)]
        case "part" if agreement.in_parts:
            return [Part(connection_id, received.body or b"")]
        case "message" if agreement.window:
            return [Received(connection_id, received.body or b"")]
        case "more" if agreement.window:
            return [Credited(connection_id, int(received.args[0]))]
        case "left" if agreement.leave:
            return [Left(connection_id)]
        case "close":
            code = received.fields.get("status")
            return [Dropped(connection_id, received.args[0], int(code) if code else None)]
        case "misdirected":
            return [_misdirected(connection_id, received)]
        case "error":
            return [Failed(connection_id, said(received))]
    return _failed(connection_id, "unexpected", received.type)


def _misdirected(connection_id: int, received: Message) -> Misdirected:
    fields = {key: value for key, value in received.fields.items() if key in ("peer", "secure")}
    fields["redirected"] = "1"
    line = message.encode("request", fields=fields)
    return Misdirected(connection_id, received.fields["node"], line, received.body or b"")


def _failed(connection_id: int, code: str, text: str) -> list[Event]:
    """Fail one request or stream, and tell the peer why."""
    error = Send(connection_id, message.encode("error", [code, text]), droppable=True)
    return [error, Failed(connection_id, not_understood(code, text))]


def said(error: Message) -> str:
    """Return the text of an error for the log."""
    return f"ejabberd says: {' '.join(error.args)}"


def not_understood(code: str, text: str) -> str:
    """Return the text of a fault for the log."""
    return f"ejabberd sent a message that ECM does not understand: {code}, {text}"
