"""Answers that cross the link in several packets."""

from twisted.trial.unittest import TestCase

from ecm.limits import MAX_PARTIAL_ANSWERS
from ecm.link.settings import LinkSettings
from ecm.upstream.link import Link
from ecm.upstream.pending import NOT_UNDERSTOOD
from testkit.in_memory import (
    FIRST_ID,
    PEER_LINE,
    TYPED,
    Joined,
)
from testkit.typed_vectors import HELLO_PACKET, named, packet


class PartsTests(TestCase):
    """Answers that come in several packets."""

    def setUp(self) -> None:
        self.ecm = Joined(link=LinkSettings(max_content=100))
        self.ecm.link.dataReceived(HELLO_PACKET)
        self.client = self.ecm.client()
        self.client.post(b"<body/>")
        self.ecm.received()

    def test_they_come_to_the_client_as_one(self) -> None:
        self.ecm.answer(FIRST_ID, b"part\n<body>a long ")
        self.ecm.answer(FIRST_ID, b"part\nanswer 200\n")
        self.assertEqual(self.client.transport.written(), b"")
        self.ecm.answer(FIRST_ID, b"answer 403 content-type=application/xml\n</body>")
        written = self.client.transport.written()
        self.assertTrue(written.startswith(b"HTTP/1.1 403 "))
        self.assertIn(b"\r\nContent-Type: application/xml\r\n", written)
        self.assertTrue(written.endswith(b"\r\n\r\n<body>a long answer 200\n</body>"))
        self.assertEqual(self.ecm.metrics.answers, 1)

    def test_others_pass_between_them(self) -> None:
        other = self.ecm.client()
        other.post(b"<body/>")
        self.ecm.answer(FIRST_ID, b"part\nlong ")
        self.ecm.answer(FIRST_ID + 1, b"answer 200\nshort")
        self.assertTrue(other.transport.written().endswith(b"\r\n\r\nshort"))
        self.ecm.answer(FIRST_ID, b"answer 200\nanswer")
        self.assertTrue(self.client.transport.written().endswith(b"\r\n\r\nlong answer"))

    def test_the_next_answer_of_a_connection_is_its_own(self) -> None:
        self.ecm.answer(FIRST_ID, b"part\nlong ")
        self.ecm.answer(FIRST_ID, b"answer 200\nanswer")
        self.client.transport.written()
        self.client.post(b"<body/>")
        self.ecm.answer(FIRST_ID, b"answer 200\nshort")
        self.assertTrue(self.client.transport.written().endswith(b"\r\n\r\nshort"))

    def test_parts_for_nobody_are_dropped_and_counted(self) -> None:
        self.ecm.answer(FIRST_ID, b"part\nlong ")
        self.client.leave()
        self.assertEqual(self.ecm.received(), [(FIRST_ID, b"close gone")])
        self.ecm.answer(FIRST_ID, b"part\nlong ")
        self.ecm.answer(FIRST_ID, b"answer 200\nanswer")
        self.ecm.answer(FIRST_ID + 7, b"part\n")
        self.assertEqual((self.ecm.metrics.orphaned, self.ecm.received()), (3, []))

    def test_what_ends_an_exchange_drops_its_parts(self) -> None:
        for said, told in ((b"close failed", b""), (b"error malformed x", NOT_UNDERSTOOD.encode())):
            client = self.ecm.client()
            client.post(b"<body/>")
            [(connection_id, _)] = self.ecm.received()
            self.ecm.answer(connection_id, b"part\nlong ")
            self.ecm.answer(connection_id, said)
            self.assertIn(told, client.transport.written())
            self.ecm.answer(connection_id, b"answer 200\nanswer")
            self.assertEqual(client.transport.written(), b"")

    def test_a_link_that_breaks_between_them(self) -> None:
        self.ecm.answer(FIRST_ID, b"part\nlong ")
        self.ecm.link_down()
        self.assertIn(b" 503 ", self.client.transport.written())
        self.ecm.link_up()
        self.ecm.link.dataReceived(HELLO_PACKET)
        self.client.post(b"<body/>")
        [*_, (connection_id, _)] = self.ecm.received()
        self.ecm.answer(connection_id, b"answer 200\nshort")
        self.assertTrue(self.client.transport.written().endswith(b"\r\n\r\nshort"))

    def test_parts_without_end_are_refused(self) -> None:
        for _ in range(10):
            self.ecm.answer(FIRST_ID, b"part\n" + bytes(10))
        self.assertEqual(self.ecm.received(), [])
        self.ecm.answer(FIRST_ID, b"part\nx")
        error = b"error too-long an answer of more than 100 bytes"
        self.assertEqual(self.ecm.received(), [(FIRST_ID, error)])
        self.assertIn(b" 503 ", self.client.transport.written())
        self.assertTrue(self.ecm.link_transport.connected)
        self.client.post(b"<body/>")
        self.assertEqual(self.ecm.received()[0][0], FIRST_ID + 1)

    def test_too_many_at_a_time_are_refused(self) -> None:
        clients = [self.ecm.client() for _ in range(MAX_PARTIAL_ANSWERS)]
        for at, client in enumerate(clients):
            client.post(b"<body/>")
            self.ecm.answer(FIRST_ID + 1 + at, b"part\nx")
        self.ecm.received()
        self.ecm.answer(FIRST_ID, b"part\nx")
        error = b"error too-long more than 4 answers in parts at a time"
        self.assertEqual(self.ecm.received(), [(FIRST_ID, error)])
        self.assertIn(b" 503 ", self.client.transport.written())
        self.assertEqual(
            [client.transport.written() for client in clients], [b""] * MAX_PARTIAL_ANSWERS
        )

    def test_from_who_has_not_said_so_they_are_not_expected(self) -> None:
        ecm = Joined(link=TYPED)
        ecm.link.dataReceived(packet(named("hello of mod_ecm")))
        client = ecm.client()
        client.post(b"<body/>")
        ecm.received()
        ecm.answer(FIRST_ID, b"part\nx")
        self.assertEqual(ecm.received(), [(FIRST_ID, b"error unexpected part")])
        self.assertIn(b" 503 ", client.transport.written())

    def test_an_answer_that_comes_again_is_not_for_a_request_that_waits(self) -> None:
        self.ecm.answer(FIRST_ID, b"answer 200\nfirst")
        self.client.transport.clear()
        self.ecm.congest(True)
        self.client.post(b"<body/>")
        for content in (b"answer 200\nagain", b"close failed", b"error malformed x"):
            self.ecm.answer(FIRST_ID, content)
        self.assertEqual((self.client.transport.written(), self.client.ended), (b"", False))
        self.ecm.received()
        self.ecm.congest(False)
        self.assertEqual(self.ecm.received(), [(FIRST_ID, PEER_LINE + b"<body/>")])
        self.ecm.link.connectionLost()
        self.assertIn(b" 503 ", self.client.transport.written())

    def test_nobody_is_read_while_the_link_is_full_again(self) -> None:
        self.ecm.congest(True)
        self.ecm.client().post(b"<body/>")
        self.patch(Link, "send_request", lambda *_: self.ecm.congest(True))
        self.ecm.congest(False)
        self.assertFalse(self.ecm.registry.reading)

    def test_on_the_link_itself_they_end_it(self) -> None:
        self.ecm.answer(0, b"part\nx")
        self.assertFalse(self.ecm.link_transport.connected)

    def test_what_comes_for_a_request_that_was_not_sent_is_for_nobody(self) -> None:
        self.ecm.queue.pauseProducing()
        others = [self.ecm.client() for _ in range(9)]
        for client in others:
            client.post(b"x" * 9_000)
        last = self.ecm.client()
        self.ecm.congest(True)
        last.post(b"<body/>")
        queued = FIRST_ID + 10
        self.ecm.answer(queued, b"part\nx")
        self.assertEqual(self.ecm.metrics.orphaned, 1)
        self.ecm.answer(queued, b"answer 200\nx")
        self.ecm.queue.resumeProducing()
        self.ecm.congest(False)
        self.assertTrue(self.ecm.link_transport.connected)
