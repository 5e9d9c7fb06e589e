"""Requests, and the whole answer to each, byte for byte (testkit/samples/exchanges.py).

Each request is sent whole, byte by byte, and with another one behind it, which is answered where
the connection stays open. ejabberd, at the other end of the link, answers a body with the same one.
"""

import re
from collections.abc import Iterable

from twisted.trial.unittest import TestCase

from testkit.in_memory import Client, Joined
from testkit.samples.exchanges import CLOSED, KEPT, SLOW, UNLINKED, cases
from testkit.splits import whole_and_bytewise

# Waits to be asked for its body.
EXPECTING = (
    b"POST /http-bind HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 7\r\n\r\n"
)
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"


NEXT, NEXT_ANSWER = next(cases(KEPT))


class AnswerTests(TestCase):
    def ecm(self, linked: bool = True) -> Joined:
        return Joined(
            linked=linked, max_header_size=256, max_headers=8, max_body=20, body_timeout=10
        )

    def converse(self, ecm: Joined, client: Client, pieces: Iterable[bytes]) -> bytes:
        """Send pieces, and return all that comes back."""
        back = b""
        for piece in pieces:
            back += client.send(piece)
            for packet in ecm.received() if ecm.pool.links else ():
                ecm.answer(*packet)
            back += client.transport.written()
        return back

    def check(self, sent: bytes, back: bytes, closes: bool, linked: bool = True) -> None:
        for pieces in whole_and_bytewise(sent):
            ecm = self.ecm(linked)
            client = ecm.client()
            said = self.converse(ecm, client, pieces)
            if not linked:  # each is asked to come back at a time of its own
                said = re.sub(rb"Retry-After: [0-9]+", b"Retry-After: 5", said)
            self.assertEqual(said, back, sent)
            self.assertEqual(client.ended, closes, sent)

    def test_each_request_has_its_answer_and_then_the_next_has_its_own(self) -> None:
        for request, answer in cases(KEPT):
            self.check(request, answer, closes=False)
            self.check(request + NEXT, answer + NEXT_ANSWER, closes=False)

    def test_each_last_request_has_its_answer_and_then_nothing_is_answered(self) -> None:
        for request, answer in cases(CLOSED):
            self.check(request, answer, closes=True)
            self.check(request + NEXT, answer, closes=True)
            self.check(NEXT + request, NEXT_ANSWER + answer, closes=True)

    def test_without_a_link_each_is_asked_to_try_again(self) -> None:
        for request, answer in cases(UNLINKED):
            self.check(request, answer, closes=False, linked=False)
            self.check(request * 2, answer * 2, closes=False, linked=False)

    def test_what_comes_too_slowly_is_answered_once_and_closed(self) -> None:
        for request, answer in cases(SLOW):
            for pieces in whole_and_bytewise(request):
                ecm = self.ecm()
                client = ecm.client()
                self.assertEqual(self.converse(ecm, client, pieces), b"")
                ecm.pass_time(10)
                written = self.converse(ecm, client, [NEXT])
                self.assertEqual(written, answer.replace(b"00:00:00", b"00:00:10"))
                self.assertTrue(client.ended)

    def test_who_waits_to_be_asked_for_the_body_is_asked_between_head_and_body(self) -> None:
        for pieces in whole_and_bytewise(EXPECTING):
            ecm = self.ecm()
            client = ecm.client()
            self.assertEqual(self.converse(ecm, client, pieces), CONTINUE)
            self.assertEqual(self.converse(ecm, client, [b"<body/>" + NEXT]), NEXT_ANSWER * 2)

    def test_who_sends_the_body_at_once_is_not_asked_for_it(self) -> None:
        ecm = self.ecm()
        sent = [EXPECTING + b"<body/>"]
        self.assertEqual(self.converse(ecm, ecm.client(), sent), NEXT_ANSWER)
