"""Smuggled requests (testkit/samples/smuggling.py): ECM refuses each of them."""

from twisted.trial.unittest import TestCase

from testkit.in_memory import Joined
from testkit.samples.smuggling import ATTACKS, CHUNKED, HEAD, SMUGGLED
from testkit.splits import whole_and_bytewise


class SmugglingTests(TestCase):
    def test_each_is_refused_and_closed_and_nothing_goes_out(self) -> None:
        for attack, status in ATTACKS.items():
            for pieces in whole_and_bytewise(attack):
                ecm = Joined()
                client = ecm.client()
                written = b"".join(client.send(piece) for piece in pieces)
                self.assertEqual(written[:12], b"HTTP/1.1 %d" % status, attack)
                self.assertEqual(written.count(b"HTTP/1.1 "), 1, attack)
                self.assertIn(b"\r\nConnection: close\r\n", written)
                self.assertTrue(client.ended, attack)
                self.assertEqual(ecm.received(), [], attack)

    def test_a_body_behind_a_wish_to_upgrade_is_a_body(self) -> None:
        head = HEAD + b"Connection: Upgrade\r\nUpgrade: h2c\r\n"
        length = b"Content-Length: %d\r\n\r\n%b" % (len(SMUGGLED), SMUGGLED)
        chunk = CHUNKED + b"\r\n%x\r\n%b\r\n0\r\n\r\n" % (len(SMUGGLED), SMUGGLED)
        for data in (head + length, head + chunk):
            for pieces in whole_and_bytewise(data):
                ecm = Joined()
                client = ecm.client()
                self.assertEqual(b"".join(map(client.send, pieces)), b"")
                self.assertEqual([body for _, body in ecm.received()], [SMUGGLED])

    def test_what_is_hidden_is_harmless_by_itself(self) -> None:
        ecm = Joined()
        ecm.client().send(SMUGGLED)
        self.assertEqual(len(ecm.received()), 1)
