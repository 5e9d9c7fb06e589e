"""Streams under Hypothesis, on a link that is cut: all comes once, in order, within credit."""

import attrs
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import invariant, precondition, rule, run_state_machine_as_test
from twisted.trial.unittest import TestCase

from ecm.link.credit import Windows
from ecm.link.message import GONE, MESSAGE, WEBSOCKET, open_line
from ecm.upstream.pool import Unavailable
from ecm.upstream.streams import Streams
from testkit.cut_link import PATIENT, CutLink
from testkit.pending import NotedStream
from testkit.resuming_peer import STREAMS_HELLO

SIZES = st.sampled_from([0, 1, 40, 600, 3000])
WHICH = st.integers(0, 50)
WINDOW = 800
OPEN = open_line(WEBSOCKET, "192.0.2.7", 51234, secure=True)


@attrs.define
class End:
    """mod_ecm's end of a stream: its counts, and the messages both ways."""

    sent: int = 0
    owed: int = 0
    got: list[bytes] = attrs.Factory(list)
    said: list[bytes] = attrs.Factory(list)
    is_closed: bool = False


class Client(NotedStream):
    """ECM's end: what its client has sent, and whether it reads."""

    link: Streams

    def __init__(self, id: int) -> None:
        super().__init__(id)
        self.said: list[bytes] = []
        self.reads = True
        self.has_gone = False

    def received(self, message: bytes) -> None:
        super().received(message)
        if self.reads:
            self.link.taken(self)

    @property
    def messages(self) -> list[object]:
        return [each for each in self.got if isinstance(each, bytes)]


class Streaming(CutLink):
    """Messages carry their number. Both ends are honest, and neither finds fault with the other."""

    hello = STREAMS_HELLO.replace(b"=65536", b"=%05d" % WINDOW)

    def __init__(self) -> None:
        super().__init__()
        self.windows = Windows(WINDOW, PATIENT.stream_window)
        self.clients: dict[int, Client] = {}
        self.ends: dict[int, End] = {}
        self.heard = 0

    def one(self, which: int) -> Client:
        return [*self.clients.values()][which % len(self.clients)]

    @rule()
    def open(self) -> None:
        client = Client(self.ecm.pool.new_id())
        try:
            client.link = self.ecm.pool.open(client, OPEN)
        except Unavailable:
            return
        self.clients[client.id] = client

    @precondition(lambda self: self.clients)
    @rule(which=WHICH, size=SIZES)
    def send(self, which: int, size: int) -> None:
        client = self.one(which)
        if client.link.may_send(client):
            client.said.append(b"%d " % len(client.said) + b"x" * size)
            client.link.message(client, client.said[-1])

    @precondition(lambda self: self.clients)
    @rule(which=WHICH, reads=st.booleans())
    def read(self, which: int, reads: bool) -> None:
        client = self.one(which)
        client.reads = reads
        if reads:
            client.link.taken(client)

    @precondition(lambda self: self.clients)
    @rule(which=WHICH)
    def leave(self, which: int) -> None:
        client = self.one(which)
        client.has_gone = True
        self.ecm.pool.cancel(client.id, GONE)

    @rule()
    def hear(self) -> None:
        """mod_ecm deals with what has come."""
        for number, said in self.peer.requests[self.heard :]:
            if said == OPEN:
                assert number not in self.ends
                self.ends[number] = End()
                continue
            end = self.ends[number]
            if said.startswith(MESSAGE):
                end.got.append(said.removeprefix(MESSAGE))
                assert self.windows.receive(end, end.got[-1])
            elif said.startswith(b"more "):
                assert self.windows.credit(end, int(said[5:])) or end.is_closed
            else:
                assert said == b"close gone"
                end.is_closed = True
        self.heard = len(self.peer.requests)

    def end(self, which: int) -> tuple[int, End] | None:
        there = [(number, end) for number, end in self.ends.items() if not end.is_closed]
        return there[which % len(there)] if there else None

    @rule(which=WHICH)
    def give_back(self, which: int) -> None:
        if (found := self.end(which)) and (size := self.windows.give_back(found[1])):
            self.to_ecm += self.peer.send(found[0], b"more %d" % size)

    @rule(which=WHICH, size=SIZES)
    def say(self, which: int, size: int) -> None:
        found = self.end(which)
        if found is None or not self.windows.may_send(found[1]):
            return
        number, end = found
        end.said.append(b"%d " % len(end.said) + b"y" * size)
        self.windows.send(end, end.said[-1])
        self.to_ecm += self.peer.send(number, MESSAGE + end.said[-1])

    @rule(which=WHICH, seldom=st.integers(0, 3))
    def close(self, which: int, seldom: int) -> None:
        if not seldom and (found := self.end(which)):
            found[1].is_closed = True
            self.to_ecm += self.peer.send(found[0], b"close end")

    @invariant()
    def messages_come_once_in_order(self) -> None:
        assert self.ecm.metrics.failed == 0
        for number, end in self.ends.items():
            client = self.clients[number]
            assert end.got == client.said[: len(end.got)]
            assert client.messages == end.said[: len(client.messages)]
            ends = [each for each in client.got if isinstance(each, tuple | str)]
            assert ends in ([], [("end", None)])
            assert client.got[-1:] == ends or not ends

    def teardown(self) -> None:
        """In the end everything has come, and those who may not send wait for nobody."""
        if not self.connected:
            self.connect()
        for _ in range(5):  # a full queue takes more than one round
            self.all_is_read()
            if self.ecm.link_transport.watcher is not None:
                self.ecm.queue.resumeProducing()
            self.all_is_read()
            self.hear()
            for which in range(len(self.ends)):
                self.give_back(which)
                self.read(which, reads=True)
            self.to_ecm += self.peer.acknowledge()
            self.wait(1)
        self.all_is_read()
        self.hear()
        self.messages_come_once_in_order()
        for number, client in self.clients.items():
            end = self.ends[number]
            is_over = client.has_gone or ("end", None) in client.got
            assert end.is_closed is is_over
            assert is_over or (end.got, client.messages) == (client.said, end.said)
            assert is_over or (client.link.may_send(client) and self.windows.may_send(end))
        assert self.ecm.metrics.streams_lost == 0


class StreamingTests(TestCase):
    def test_nothing_is_lost_nothing_comes_twice_and_nobody_is_stuck(self) -> None:
        run_state_machine_as_test(Streaming, settings=settings(stateful_step_count=60))
