"""Streams over TCP, and STARTTLS."""

from twisted.trial.unittest import TestCase

from ecm.tools.bosh.http import BadAnswer
from ecm.tools.stream.tcp import TcpWire
from ecm.tools.stream.wire import Heard, Opening, Refused

HEADER = b"<?xml version='1.0'?><stream:stream from='localhost'>"
FEATURES = b"<stream:features>%b</stream:features>"
STARTTLS = b"<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>"


class TcpTests(TestCase):
    def setUp(self) -> None:
        self.wire = TcpWire("localhost", starttls=True)

    def test_a_stream_without_tls_begins_at_once(self) -> None:
        wire = TcpWire("localhost", starttls=False)
        self.assertEqual(wire.greeting, b"")
        self.assertIn(b'<stream:stream to="localhost" ', wire.header)

    def test_starttls(self) -> None:
        self.assertEqual(self.wire.greeting, self.wire.header)
        for incomplete in (b"", HEADER, HEADER + FEATURES[:20]):
            self.assertIsNone(self.wire.opening(incomplete))
        step = self.wire.opening(HEADER + FEATURES % STARTTLS)
        self.assertEqual(step, Opening(says=STARTTLS))
        proceed = b"<proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>"
        self.assertEqual(self.wire.opening(proceed), Opening(ready=True, secures=True))
        self.assertRaises(BadAnswer, self.wire.opening, proceed + b"<")

    def test_no_starttls(self) -> None:
        for text in (HEADER + FEATURES % b"<bind/>", b"<failure/>"):
            self.assertRaises(Refused, self.wire.opening, text)

    def test_what_is_heard(self) -> None:
        self.assertEqual(self.wire.heard(b"<a/><b"), Heard(b"<a/>", rest=b"<b"))
        self.assertEqual(self.wire.heard(b"<a/></stream:stream>").ended, "closed")
