"""Insight into a node of ejabberd: its numbers, and sessions that ECM asks for. Pure.

A peer may be wrong, or lie: what it says is bounded here, and what follows no grammar is left out.
"""

import re
from collections.abc import Iterator
from typing import Final

from ecm.limits import MAX_TOLD, MAX_TOLD_LINE, MAX_TOLD_NUMBERS, MAX_TOLD_SESSIONS
from ecm.link import message
from ecm.link.events import Inspected, Statistics
from ecm.link.message import ContentError, Message
from ecm.link.packet import MAX_ID

_NUMBER: Final = re.compile(rb"([a-z0-9._-]{1,64}) ([0-9]{1,20})")


def question(token: str, jid: str = "", sid: str = "", id: int = 0) -> bytes:
    """Return the content that asks for sessions: of a JID, bare or full, of a SID, or of an ID.

    ``token`` comes back with the answer. An ID is that of a client's connection on this link.
    Raises ContentError if none of these can be what was given, and for more than one.
    """
    fields = {"jid": jid, "sid": sid, "id": str(id) if id else ""}
    given = {key: value for key, value in fields.items() if value}
    if len(given) != 1:
        raise ContentError("bad-field")
    try:
        content = message.encode("inspect", [token], given)
    except UnicodeEncodeError:  # a byte of the operator's that is no UTF-8
        raise ContentError("bad-value") from None
    message.decode(content)
    return content


def told(received: Message) -> Statistics | Inspected:
    """Return what ``stats`` or ``inspected`` says."""
    body = received.body or b""
    if received.type == "stats":
        return Statistics(_numbers(body))
    fields = received.fields
    sessions = list(_sessions(body))[:MAX_TOLD_SESSIONS]
    more, why = int(fields.get("more", "0")), fields.get("why", "")
    return Inspected(received.args[0], sessions, more, why)


def _numbers(body: bytes) -> dict[str, int]:
    found = [_NUMBER.fullmatch(line) for line in _lines(body)]
    pairs = [(match[1].decode(), int(match[2])) for match in found if match is not None]
    return dict(pair for pair in pairs[:MAX_TOLD_NUMBERS] if pair[1] <= MAX_ID)


def _sessions(body: bytes) -> Iterator[dict[str, str]]:
    for line in _lines(body):
        try:
            yield message.fields_of(line)
        except ContentError:
            continue


def _lines(body: bytes) -> list[bytes]:
    """Return the lines of a body that may be there: no half one, and none that is too long."""
    if len(body) > MAX_TOLD:
        body = body[: body.rfind(b"\n", 0, MAX_TOLD) + 1]
    return [line for line in body.split(b"\n") if 0 < len(line) <= MAX_TOLD_LINE]
