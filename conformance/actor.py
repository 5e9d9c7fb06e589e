"""One who plays: an account, its session, its requests."""

import asyncio
import hashlib
import re
import secrets
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import count
from xml.etree.ElementTree import Element

from conformance.body import short
from conformance.response import Response
from conformance.target import Account


@dataclass
class Request:
    """A request that went out on a connection, and its answer, which is there or will be."""

    rid: int
    body: bytes
    connection: str
    answer: asyncio.Future[Response]


@dataclass
class Actor:
    """``rid`` is the RID of the last request in order: all up to it have been sent.

    ``unread`` are the requests whose answers the script has not asked for.
    """

    name: str
    account: Account
    domain: str
    rid: int = field(default_factory=lambda: secrets.randbelow(1 << 40) + (1 << 20))
    sid: str = ""
    jid: str = ""
    session: dict[str, str] = field(default_factory=dict)
    unread: list[Request] = field(default_factory=list)
    _sent: dict[int, Request] = field(default_factory=dict)
    _seeds: dict[str, str] = field(
        default_factory=lambda: {name: secrets.token_hex(16) for name in "KL"}
    )

    @property
    def bare(self) -> str:
        return f"{self.account.name}@{self.domain}"

    def value(self, name: str) -> str | None:
        """Return the value of a placeholder."""
        if name[0] in self._seeds and name[1:].isdecimal():
            return self.key(name[0], int(name[1:]))
        own = {
            "rid": str(self.rid),
            "sid": self.sid,
            "jid": self.jid,
            "bare": self.bare,
            "plain": self.account.plain,
            "rest": str(self.rest()),
        }
        return self.session.get(name) if name not in own else own[name]

    def key(self, sequence: str, number: int) -> str:
        """K(number) of a key sequence (XEP-0124, 15.3)."""
        key = self._seeds[sequence]
        for _ in range(number):
            key = hashlib.sha1(key.encode()).hexdigest()
        return key

    def sends(self, request: Request) -> None:
        self.unread.append(request)
        self._sent.setdefault(request.rid, request)
        while self.rid + 1 in self._sent:
            self.rid += 1

    def sent(self, rid: int) -> Request | None:
        """The first request with this RID."""
        return self._sent.get(rid)

    def next_unread(self, connection: str = "") -> Request | None:
        """The oldest on the connection, otherwise the one with the lowest RID (XEP-0124, 14.2)."""
        if connection:
            return next((one for one in self.unread if one.connection == connection), None)
        return min(self.unread, key=lambda request: request.rid, default=None)

    def own_connection(self) -> str:
        """The first one without a request that waits for its answer."""
        busy = {request.connection for request in self.unread if not request.answer.done()}
        return next(name for name in self._own_connections() if name not in busy)

    def _own_connections(self) -> Iterator[str]:
        yield self.name
        yield from (f"{self.name} {number}" for number in count(2))

    def rest(self) -> int:
        """Seconds before the next empty request. Only who is never held has to rest (12)."""
        polling = self.session.get("polling", "")
        is_polling = "0" in (self.session.get("wait"), self.session.get("hold"))
        return int(polling) + 1 if is_polling and re.fullmatch("[0-9]{1,9}", polling) else 0

    def reads(self, request: Request, answer: Element | None) -> None:
        """Take note of what an answer says of the session."""
        self.unread.remove(request)
        if answer is not None and not self.sid and answer.get("sid"):
            self.session = {short(name): value for name, value in answer.items()}
            self.sid = self.session["sid"]

    def loses(self, connection: str) -> None:
        """Forget the requests whose answers can no longer come."""
        self.unread = [request for request in self.unread if request.connection != connection]
