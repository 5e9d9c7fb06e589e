"""A typed link under Hypothesis: clients on one side, on the other a peer that may lie."""

from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from twisted.internet.defer import Deferred
from twisted.trial.unittest import TestCase

from ecm.limits import MAX_PARTIAL_ANSWERS, MAX_PIPELINED
from ecm.link import message
from ecm.link.packet import LINK_ID, MAX_ID, encode
from ecm.link.settings import LinkSettings
from testkit.in_memory import FIRST_ID, QUEUE_TIMEOUT, Client, Joined
from testkit.typed_vectors import HELLO, HELLO_PACKET, VECTORS, content

SETTINGS = LinkSettings(
    max_packet=2**16, max_content=2**13, max_queue=20_000, ping_interval=10, link_timeout=30
)
INSIGHT_PACKET = encode(LINK_ID, HELLO + b",insight")
CLIENTS = 3
SPARE = 50  # packets that ECM may send by itself between two reads of the peer, beside requests

# All that is in the vectors, and what is nearly that.
CONTENTS = [content(each) for each in VECTORS["contents"] + VECTORS["errors"]]
LIES = st.one_of(
    st.sampled_from(CONTENTS),
    st.tuples(st.sampled_from(CONTENTS), st.integers(0, 200)).map(lambda it: it[0][: it[1]]),
    st.binary(max_size=40),
    st.binary(max_size=20).map(lambda body: message.encode("answer", ["200"], {}, body)),
)
ERRAND = st.sampled_from([b"", b" why=busy", b" more=2"])
IDS = st.one_of(st.integers(FIRST_ID, FIRST_ID + 40), st.sampled_from([0, 1, MAX_ID]))


class TypedLink(RuleBasedStateMachine):
    """Requests carry a number each, and honest answers the number of their request."""

    def __init__(self) -> None:
        super().__init__()
        self.ecm = Joined(link=SETTINGS)
        self.clients = [self.ecm.client() for _ in range(CLIENTS)]
        self.number = 0
        self.asked: dict[int, bytes] = {}
        self.rest: dict[int, bytes] = {}  # of answers of which some has been said
        self.spent: set[int] = set()  # IDs for which an answer may still come, or none has
        self.asked_by: dict[bytes, Client] = {}
        self.questions: list[Deferred[dict[str, Any]]] = []
        self.greet()

    @property
    def connected(self) -> bool:
        return self.ecm.link_transport.connected

    def one(self, who: int) -> Client:
        if self.clients[who].ended:
            self.clients[who] = self.ecm.client()
        return self.clients[who]

    def heard(self) -> None:
        """The peer reads what ECM has sent."""
        packets = self.ecm.received()
        requests = [each for each in packets if each[1].startswith(b"request ")]
        assert len(packets) - len(requests) <= SPARE + len(self.asked_by)
        for connection_id, said in packets:
            if said.startswith(b"request "):
                assert connection_id not in self.asked, "an ID is used for one request at a time"
                assert connection_id not in self.spent, "a late answer would be taken for another's"
                self.asked[connection_id] = said.partition(b"\n")[2]
            elif said.startswith(b"close "):
                self.asked.pop(connection_id, None)
                self.spent.add(connection_id)

    def say(self, connection_id: int, said: bytes) -> None:
        if self.connected:
            self.ecm.answer(connection_id, said)
        if not self.connected:
            self.asked.clear()

    @rule(who=st.integers(0, CLIENTS - 1), size=st.sampled_from([10, 5000]))
    def ask(self, who: int, size: int) -> None:
        self.number += 1
        body = (b"%05d." % self.number).ljust(size, b"x")
        client = self.one(who)
        self.asked_by[body[:6]] = client
        client.post(body)

    @rule(who=st.integers(0, CLIENTS - 1))
    def leave(self, who: int) -> None:
        self.one(who).leave()

    def greet(self) -> None:
        self.heard()
        self.ecm.link.dataReceived(HELLO_PACKET if self.number % 2 else INSIGHT_PACKET)

    @rule(seldom=st.integers(0, 4))
    def greet_again(self, seldom: int) -> None:
        if self.connected and not seldom:
            self.greet()

    @rule(which=st.integers(0, 10), status=st.sampled_from([200, 200, 400]))
    def answer(self, which: int, status: int) -> None:
        self.heard()
        if not self.asked:
            return
        connection_id = sorted(self.asked)[which % len(self.asked)]
        body = self.asked.pop(connection_id)
        rest = self.rest.pop(connection_id, b"to " + body)
        self.say(connection_id, message.encode("answer", [str(status)], {}, rest))

    @rule(which=st.integers(0, 10), size=st.integers(0, 3000))
    def answer_in_part(self, which: int, size: int) -> None:
        self.heard()
        for connection_id in set(self.rest) - set(self.asked):
            del self.rest[connection_id]
        if not self.asked:
            return
        connection_id = sorted(self.asked)[which % len(self.asked)]
        if connection_id in self.rest or len(self.rest) < MAX_PARTIAL_ANSWERS:
            rest = self.rest.get(connection_id, b"to " + self.asked[connection_id])
            self.rest[connection_id] = rest[size:]
            self.say(connection_id, message.encode("part", [], {}, rest[:size]))

    @rule(which=st.integers(0, 10), said=st.sampled_from([b"close failed", b"error malformed x"]))
    def give_none(self, which: int, said: bytes) -> None:
        self.heard()
        if not self.asked:
            return
        connection_id = sorted(self.asked)[which % len(self.asked)]
        del self.asked[connection_id]
        self.spent.add(connection_id)
        self.say(connection_id, said)

    @rule(connection_id=IDS, said=LIES)
    def lie(self, connection_id: int, said: bytes) -> None:
        self.heard()
        taken = (b"answer ", b"part\n", b"close ", b"error ")
        if connection_id not in self.asked or not said.startswith(taken):
            self.say(connection_id, said)

    @rule(said=st.sampled_from([b"ping 1", b"ping 2", b"pong 1", b"frobnicate", b"drain"]))
    def control(self, said: bytes) -> None:
        self.say(0, said)

    @rule(jid=st.sampled_from(["a@b", "a@b/c", "", "\n"]))
    def inspect(self, jid: str) -> None:
        answered = self.ecm.pool.insight.inspect(jid=jid)
        self.questions.append(answered)

    @rule(token=st.integers(0, 9), said=st.binary(max_size=30), why=ERRAND)
    def tell(self, token: int, said: bytes, why: bytes) -> None:
        self.say(0, b"inspected %d%b\n%b" % (token, why, said))

    @rule(data=st.binary(min_size=1, max_size=50), seldom=st.integers(0, 4))
    def send_garbage(self, data: bytes, seldom: int) -> None:
        if seldom:
            return
        if self.connected:
            self.ecm.link.dataReceived(encode(0, b"ping 1") + data)
            self.ecm.link_down() if self.connected else None
        self.asked.clear()

    @precondition(lambda self: self.connected and self.ecm.link_transport.watcher)
    @rule(takes=st.booleans())
    def take(self, takes: bool) -> None:
        (self.ecm.queue.resumeProducing if takes else self.ecm.queue.pauseProducing)()

    @precondition(lambda self: not self.connected)
    @rule(greets=st.sampled_from([True, True, True, False]))
    def connect(self, greets: bool) -> None:
        self.asked.clear()
        self.spent.clear()
        self.ecm.link_up()
        if greets:
            self.greet()

    @rule(seconds=st.sampled_from([1, 1, 1, 1, 5, QUEUE_TIMEOUT, 31]))
    def wait(self, seconds: int) -> None:
        self.ecm.pass_time(seconds)
        if not self.connected:
            self.asked.clear()

    @invariant()
    def answers_reach_those_who_asked(self) -> None:
        for client in self.clients:
            for part in client.transport.value().split(b"HTTP/1.1 ")[1:]:
                _, honest, body = part.partition(b"\r\n\r\nto ")
                if honest and body[:6] in self.asked_by:
                    assert self.asked_by[body[:6]] is client

    @invariant()
    def nothing_is_held_beyond_the_limits(self) -> None:
        assert len(self.ecm.pool) <= MAX_PIPELINED * CLIENTS

    def teardown(self) -> None:
        """In the end ECM stops: nobody waits, and nothing is left."""
        self.ecm.pool.drain()
        if self.connected:
            self.ecm.link_down()
        self.ecm.pass_time(200)
        assert len(self.ecm.pool) == len(self.ecm.clients) == 0
        assert all(each.called for each in self.questions)


class TypedLinkTests(TestCase):
    def test_a_peer_that_lies_harms_nobody(self) -> None:
        run_state_machine_as_test(TypedLink, settings=settings(stateful_step_count=60))
