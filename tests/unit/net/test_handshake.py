"""A handshake by OpenSSL, and the records that go on behind it."""

import ssl

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import TestCase

from ecm.limits import HANDSHAKE_SIZE, MAX_CLIENT_HELLO
from ecm.net.handshake import Handshake, Step
from ecm.tls.suites import SUITES
from ecm.tools.swarm.worker import resident
from testkit.lean_tls import last_step, new_client, new_handshake
from testkit.splits import cut, cuts, whole_and_bytewise
from testkit.tls_client import TlsClient

HTTP = b"GET / HTTP/1.1\r\nHost: a.example\r\n\r\n"


def receive(handshake: Handshake, pieces: list[bytes]) -> tuple[bytes, Step, list[bytes]]:
    """Feed pieces up to the last step; return all replies, the step, and the pieces behind it."""
    replies, step = b"", Step()
    for at, piece in enumerate(pieces):
        step = handshake.receive(piece)
        replies += step.reply
        if step.is_last:
            return replies, step, pieces[at + 1 :]
    return replies, step, []


class WholeTests(TestCase):
    @settings(max_examples=100, deadline=None)
    @given(st.sampled_from(sorted(SUITES)), cuts(), cuts(), st.booleans())
    def test_what_comes_with_the_last_message_is_for_the_records(
        self, suite: str, first: list[int], last: list[int], bytewise: bool
    ) -> None:
        client, handshake = new_client(), new_handshake(suite)
        hello = client.shake_hands()
        reply, step, _ = receive(handshake, list(cut(hello, first)))
        self.assertFalse(step.is_last)
        client.feed(reply)
        finished = client.shake_hands() + client.write(b"request ") + client.write(b"another")
        pieces = whole_and_bytewise(finished)[1] if bytewise else list(cut(finished, last))
        tickets, step, left = receive(handshake, pieces)
        assert step.records is not None
        data = b"".join(step.records.receive(each).data for each in [step.rest, *left])
        self.assertEqual(data, b"request another")
        client.feed(tickets + step.records.send(b"answer"))
        self.assertEqual(client.read(), b"answer")

    def test_a_session_is_resumed_behind_tickets_that_are_counted(self) -> None:
        for suite in SUITES:
            client = new_client()
            last_step(client, new_handshake(suite))
            client.read()
            for _ in range(3):
                client = new_client(client.tls.session)
                step = last_step(client, new_handshake(suite))
                assert step.records is not None
                client.feed(step.records.send(b"answer"))
                self.assertEqual(client.read(), b"answer")
                self.assertTrue(client.tls.session_reused)


class EndTests(TestCase):
    def test_an_older_version_is_told_with_all_that_has_come(self) -> None:
        context = ssl.create_default_context()
        context.maximum_version = ssl.TLSVersion.TLSv1_2
        hello = TlsClient(context, "a.example").shake_hands()
        for pieces in whole_and_bytewise(hello):
            reply, step, _ = receive(new_handshake(), pieces)
            self.assertEqual((reply, step.older), (b"", hello))

    def test_what_is_no_tls_fails(self) -> None:
        for pieces in whole_and_bytewise(HTTP):
            _, step, _ = receive(new_handshake(), pieces)
            self.assertTrue(step.failed)

    def test_a_hello_that_is_too_long_fails(self) -> None:
        fragment = b"\x16\3\1\x40\0" + b"\1\0\xff\xff" + bytes(2**14 - 4)
        _, step, _ = receive(new_handshake(), [fragment, fragment])
        self.assertTrue(step.failed)
        self.assertLess(len(fragment), 2 * MAX_CLIENT_HELLO)

    def test_what_comes_behind_a_hello_does_not_count_for_its_length(self) -> None:
        """As early data does, which clients may send at once."""
        early = b"\x17\3\3" + MAX_CLIENT_HELLO.to_bytes(2) + bytes(MAX_CLIENT_HELLO)
        step = new_handshake().receive(new_client().shake_hands() + early)
        self.assertEqual(step.reply[:3], b"\x16\3\3")

    def test_a_client_that_does_not_trust_us_fails(self) -> None:
        client, handshake = TlsClient(ssl.create_default_context(), "a.example"), new_handshake()
        client.feed(handshake.receive(client.shake_hands()).reply)
        with self.assertRaises(ssl.SSLError):
            client.shake_hands()
        step = handshake.receive(client.sent())
        self.assertTrue(step.failed)

    @settings(max_examples=200, deadline=None)
    @given(st.binary(max_size=400), cuts())
    def test_junk_fails_or_is_incomplete(self, junk: bytes, places: list[int]) -> None:
        _, step, _ = receive(new_handshake(), list(cut(junk, places)))
        self.assertIsNone(step.records)

    @settings(max_examples=200, deadline=None)
    @given(st.integers(0, 2000), st.integers(0, 7))
    def test_a_last_message_that_was_changed_fails(self, at: int, bit: int) -> None:
        client, handshake = new_client(), new_handshake()
        client.feed(handshake.receive(client.shake_hands()).reply)
        finished = bytearray(client.shake_hands())
        finished[at % len(finished)] ^= 1 << bit
        _, step, _ = receive(handshake, [bytes(finished)])
        self.assertIsNone(step.records)


class MemoryTests(TestCase):
    def test_it_takes_no_more_than_it_counts_for(self) -> None:
        hello = new_client().shake_hands()

        def begun(number: int) -> list[Handshake]:
            handshakes = [new_handshake() for _ in range(number)]
            for each in handshakes:
                self.assertTrue(each.receive(hello).reply)
            return handshakes

        kept = begun(100)
        before = resident()
        kept += begun(500)
        self.assertLess((resident() - before) / 500, HANDSHAKE_SIZE * 1.1)
