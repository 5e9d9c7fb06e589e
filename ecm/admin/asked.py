"""A request to the admin endpoint, and the reply to it."""

import json
import re
from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Any, Final

import attrs
from twisted.internet.defer import Deferred

TEXT: Final = "text/plain; charset=utf-8"
JSON: Final = "application/json"


@attrs.frozen
class Asked:
    """A request. ``headers`` have their names in lower case; ``query`` has what is behind ``?``.

    ``over_tcp`` is False where it has come over a UNIX socket.
    """

    method: str
    path: str
    query: Mapping[str, str] = attrs.field(factory=dict)
    headers: Mapping[str, str] = attrs.field(factory=dict)
    over_tcp: bool = True

    def number(self, name: str, default: int | None, most: int) -> int:
        """Return a number of the query. Raises ValueError if it is none from 0 to ``most``."""
        text = self.query.get(name, "" if default is None else f"{default}")
        if not re.fullmatch("[0-9]{1,10}", text) or int(text) > most:
            raise ValueError(f"give ?{name}= with a number from 0 to {most}")
        return int(text)


# Writes a piece of a reply whose end is not known yet; and what writes them, until it fires. To
# cancel it says that nobody reads them any more.
Write = Callable[[bytes], None]
Follow = Callable[[Write], Deferred[None]]


@attrs.frozen
class Reply:
    """A reply; ``headers`` are those beside Content-Type and Content-Length.

    One with ``follow`` goes on behind its body.
    """

    status: HTTPStatus
    body: bytes
    kind: str = TEXT
    headers: tuple[tuple[str, str], ...] = ()
    follow: Follow | None = None


def said(*lines: str, status: HTTPStatus = HTTPStatus.OK) -> Reply:
    """Return a reply of lines of text."""
    return Reply(status, "".join(f"{line}\n" for line in lines).encode())


def refused(status: HTTPStatus, why: str, *headers: tuple[str, str]) -> Reply:
    """Return a reply that says in one line what is wrong, and what to do."""
    line = re.sub(r"\s+", " ", why)
    return Reply(status, f"{line}\n".encode(), headers=headers)


def as_json(words: Any) -> Reply:
    """Return a reply in JSON."""
    return Reply(HTTPStatus.OK, json.dumps(words).encode() + b"\n", JSON)
