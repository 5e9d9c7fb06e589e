"""Clients that send any bytes, in any pieces, and what ECM may hold of them."""

import re
from binascii import crc32
from collections.abc import Iterable
from typing import Any

from ecm import limits
from ecm.http.response import CONTINUE
from testkit.in_memory import MAX_BODY, Client, Joined
from testkit.splits import cut

STATUS = re.compile(rb"HTTP/1\.1 ([0-9]{3}) ")
READ = 65_536  # bytes that Twisted reads at once

# Bytes that a connection may hold of requests that are not in flight, beside the last that came:
# one that is not complete, and what its parser takes.
MAX_HELD = limits.MAX_HEADER_SIZE + MAX_BODY + limits.PARTIAL_SIZE


def held(client: Client) -> int:
    """Return how many bytes a connection holds of requests that are not in flight."""
    protocol: Any = client.protocol
    return 0 if protocol._incoming is None else int(protocol._incoming.size)


def answer_to(body: bytes) -> bytes:
    return b"%08x" % crc32(body)


def answer_all(ecm: Joined) -> None:
    while packets := ecm.received():
        for connection_id, body in packets:
            ecm.answer(connection_id, answer_to(body))


def break_link(ecm: Joined) -> None:
    ecm.link_down()
    ecm.link_up()


class Conversation:
    """A client that sends pieces of anything, and what it gets back.

    ejabberd answers ``at_once``, or never: then the link breaks when the client can send no more.
    """

    def __init__(self, at_once: bool) -> None:
        self.ecm = Joined(header_timeout=1, body_timeout=1, send_timeout=1, idle_timeout=1)
        self.client = self.ecm.client()
        self.written = b""
        self._at_once = at_once

    def send(self, pieces: Iterable[bytes]) -> None:
        """Send pieces, each as soon as ECM reads; check that ECM never holds too much."""
        for piece in pieces:
            if self.client.transport.paused:
                break_link(self.ecm)
            self.written += self.client.send(piece)
            if self._at_once:
                answer_all(self.ecm)
            self.written += self.client.transport.written()
            assert held(self.client) <= MAX_HELD + len(piece)
            assert len(self.ecm.pool) <= limits.MAX_PIPELINED

    def end(self) -> None:
        """Let time pass until nothing may be left, and check that this is so."""
        break_link(self.ecm)
        self.ecm.pass_time(5)  # seconds: each of the timeouts, one after the other
        self.written += self.client.transport.written()
        assert not self.client.transport.connected
        assert len(self.ecm.pool) == len(self.ecm.clients) == 0


def converse(pieces: Iterable[bytes], at_once: bool) -> bytes:
    """Have a whole conversation, and return all that comes back, but for 100 Continue."""
    conversation = Conversation(at_once)
    conversation.send(pieces)
    conversation.end()
    return conversation.written.replace(CONTINUE, b"")


def check(data: bytes, places: list[int]) -> None:
    """Check that any bytes do no harm, and are answered in pieces as they are whole.

    There must be fewer of them than a head may have: when a head is found to be too long depends
    on the pieces.
    """
    whole = converse([data], at_once=True)
    assert converse(cut(data, places), at_once=True) == whole
    unanswered = converse(cut(data, places), at_once=False)
    assert len(STATUS.findall(unanswered)) == len(STATUS.findall(whole))
