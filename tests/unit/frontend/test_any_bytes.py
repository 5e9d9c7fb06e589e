"""Any bytes from any number of clients, over the real protocols and table, joined in memory."""

import re

from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from hypothesis.stateful import run_state_machine_as_test as run
from twisted.trial.unittest import TestCase

from ecm import limits
from testkit.any_bytes import MAX_HELD, READ, Conversation, answer_to, check, held
from testkit.in_memory import QUEUE_TIMEOUT, Client, Joined
from testkit.samples.http_requests import ERRORS, LAST_REQUESTS, REQUESTS
from testkit.samples.smuggling import ATTACKS
from testkit.splits import cut, cuts

# After so many seconds nothing may be left of a client that says no more.
LONG = 2 * limits.SEND_TIMEOUT + limits.IDLE_TIMEOUT + limits.BODY_TIMEOUT


SAMPLES = [data for data, _ in REQUESTS + LAST_REQUESTS + ERRORS] + list(ATTACKS)


class AnyBytesTests(TestCase):
    @given(st.binary(max_size=400), cuts())
    def test_bytes(self, data: bytes, places: list[int]) -> None:
        check(data, places)

    @given(st.lists(st.sampled_from(SAMPLES), max_size=10), cuts(), st.data())
    def test_damaged_requests(
        self, parts: list[bytes], places: list[int], draw: st.DataObject
    ) -> None:
        data = bytearray(b"".join(parts))
        for place in draw.draw(st.lists(st.integers(0, max(0, len(data) - 1)), max_size=5)):
            if data:
                data[place] = draw.draw(st.integers(0, 255))
        check(bytes(data), places)

    @given(st.sampled_from([b"A: ", b"GET /", b"\r\n", b"9" * 99]), st.sampled_from([1000, READ]))
    def test_what_never_ends_is_not_kept(self, endless: bytes, piece: int) -> None:
        conversation = Conversation(at_once=True)
        data = endless * (READ * 4 // len(endless))
        conversation.send(cut(data, list(range(0, len(data), piece))))
        conversation.end()


# What members of a crowd ask, and the status and the content of the answer: None where ejabberd is
# asked. A body is filled in.
POST = b"POST /http-bind HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n%b"
ASKED = {
    POST: None,
    b"POST /bosh HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n%b": (
        b"404",
        b"There is nothing here.\n",
    ),
    b"PUT /http-bind HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n%b": (
        b"405",
        b"This address takes POST.\n",
    ),
}
RESPONSE = re.compile(
    rb"HTTP/1\.1 ([0-9]{3}) [^\r]+\r\n(?:[^\r]+\r\n)*?Content-Length: ([0-9]+)\r\n\r\n"
)


def responses(written: bytes) -> list[tuple[bytes, bytes]]:
    """Return status and content of each response; ``written`` must hold nothing but responses."""
    found, at = [], 0
    while at < len(written):
        match = RESPONSE.match(written, at)
        assert match is not None, written[at:]
        at = match.end() + int(match[2])
        found.append((match[1], written[match.end() : at]))
    return found


class Member:
    """One client of a crowd: what it has asked, what of that has been sent, what came back."""

    def __init__(self, client: Client) -> None:
        self.client = client
        self.expected: list[tuple[bytes, bytes] | None] = []
        self.bodies: list[bytes] = []
        self._unsent = b""
        self._ends: list[int] = []  # of the requests, in all that is sent
        self._sent = 0
        self._written = b""

    def ask(self, form: bytes, body: bytes) -> None:
        self._unsent += form % (len(body), body)
        self._ends.append(self._sent + len(self._unsent))
        self.expected.append(ASKED[form])
        self.bodies.append(body)

    def send(self, size: int) -> None:
        """Send the next bytes, as far as ECM reads."""
        if self.client.transport.connected and not self.client.transport.paused:
            piece, self._unsent = self._unsent[:size], self._unsent[size:]
            self._sent += len(piece)
            if piece:
                self._written += self.client.send(piece)

    @property
    def complete(self) -> int:
        """The number of requests that have been sent to their end."""
        return sum(end <= self._sent for end in self._ends)

    def received(self) -> list[tuple[bytes, bytes]]:
        self._written += self.client.transport.written()
        return responses(self._written)

    def check(self) -> None:
        """Check that the answers are those to the requests, each once, in their order."""
        received = self.received()
        if received and received[-1][0] == b"408":
            received.pop()  # what came after the time was over is not answered
            assert self.client.ended
        assert len(received) <= self.complete
        for answer, expected, body in zip(received, self.expected, self.bodies, strict=False):
            if expected is None and answer[0] != b"503":
                expected = (b"200", answer_to(body))
            assert expected is None or answer == expected, (answer, expected)


MEMBERS = 3
ROUNDS = 10  # of requests that a member has begun, which wait for the link one after the other
WHO = st.integers(0, MEMBERS - 1)


class Crowd(RuleBasedStateMachine):
    """Some clients, with a link that answers in any order, is full at times, and breaks."""

    def __init__(self) -> None:
        super().__init__()
        self.ecm = Joined()
        self.members = [Member(self.ecm.client()) for _ in range(MEMBERS)]
        self.asked: list[tuple[int, bytes]] = []
        self.next = 0

    def some(self, number: int) -> Member:
        """Return one of the members; a new one takes the place of one that ECM has ended."""
        if self.members[number].client.ended:
            self.members[number] = Member(self.ecm.client())
        return self.members[number]

    @rule(
        who=WHO,
        forms=st.lists(st.sampled_from(list(ASKED)), min_size=1, max_size=5),
        size=st.sampled_from([4, 9000]),
        sent=st.sampled_from([20, 100, READ, READ, READ]),
    )
    def ask(self, who: int, forms: list[bytes], size: int, sent: int) -> None:
        for form in forms:
            self.next += 1
            self.some(who).ask(form, b"%04d" % self.next * (size // 4))
        self.some(who).send(sent)

    @rule(who=WHO, size=st.sampled_from([1, 20, 50, 1000, READ, READ, READ]))
    def send(self, who: int, size: int) -> None:
        self.some(who).send(size)

    @precondition(lambda self: self.ecm.pool.links)
    @rule(which=st.lists(st.integers(0, 20), min_size=1, max_size=5))
    def answer(self, which: list[int]) -> None:
        """ejabberd answers some requests; those of an earlier link are for nobody now."""
        self.asked += self.ecm.received()
        for number in which[: len(self.asked)]:
            connection_id, body = self.asked.pop(number % len(self.asked))
            self.ecm.answer(connection_id, answer_to(body))

    @precondition(lambda self: self.ecm.pool.links)
    @rule(back=st.booleans())
    def lose_link(self, back: bool) -> None:
        self.asked += self.ecm.received()
        self.ecm.link_down()
        if back:
            self.ecm.link_up()

    @precondition(lambda self: not self.ecm.pool.links)
    @rule()
    def regain_link(self) -> None:
        self.ecm.link_up()

    @precondition(lambda self: self.ecm.pool.links)
    @rule(takes=st.booleans())
    def link_takes(self, takes: bool) -> None:
        """The link takes what waits, and what is to come; or does not."""
        (self.ecm.queue.resumeProducing if takes else self.ecm.queue.pauseProducing)()
        self.ecm.reactor.advance(0)

    @precondition(lambda self: self.ecm.pool.links)
    @rule()
    def rush(self) -> None:
        """All ask for so much, while the link is stuck, that it is full before the last of them."""
        self.link_takes(False)
        for who in range(MEMBERS):
            self.ask(who, [POST] * limits.MAX_PIPELINED, 7000, READ)

    @rule(who=WHO, takes=st.booleans())
    def client_takes(self, who: int, takes: bool) -> None:
        transport = self.some(who).client.transport
        transport.stuck = not takes
        if takes:
            transport.unstick()

    @rule(who=WHO)
    def leave(self, who: int) -> None:
        self.some(who).client.leave()

    @rule(seconds=st.sampled_from([1, 1, 5, 11]))
    def wait(self, seconds: int) -> None:
        self.ecm.pass_time(seconds)

    @invariant()
    def each_has_its_answers_in_order(self) -> None:
        for member in self.members:
            member.check()

    @invariant()
    def nothing_is_held_beyond_the_limits(self) -> None:
        for member in self.members:
            assert held(member.client) <= MAX_HELD + READ
        assert len(self.ecm.pool) <= limits.MAX_PIPELINED * MEMBERS

    def teardown(self) -> None:
        """In the end the link breaks: nobody is left without an answer, and nothing is left."""
        for member in self.members:
            member.client.transport.unstick()
        if self.ecm.pool.links:
            self.ecm.link_down()
        self.ecm.pass_time(ROUNDS * QUEUE_TIMEOUT)
        for member in self.members:
            if not member.client.ended:
                assert len(member.received()) == member.complete
        self.ecm.pass_time(LONG)
        self.each_has_its_answers_in_order()
        assert len(self.ecm.pool) == len(self.ecm.clients) == 0


class CrowdTests(TestCase):
    def test_each_client_gets_each_answer_once_in_order(self) -> None:
        run(Crowd, settings=settings(stateful_step_count=80))
