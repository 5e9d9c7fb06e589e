"""A link that resumes: what its clients, its peer and the log see of breaks."""

import attrs
from twisted.internet.testing import EventLoggingObserver
from twisted.logger import formatEvent, globalLogPublisher
from twisted.trial.unittest import TestCase

from ecm.limits import ACK_BYTES, ACK_PACKETS, MAX_QUEUE_AGE
from ecm.link.packet import LINK_ID, PacketDecoder, encode
from ecm.upstream.link import LinkStatus
from ecm.upstream.pending import NO_LINK
from testkit.in_memory import FIRST_ID, QUEUE_TIMEOUT, TYPED, Client, Joined
from testkit.logs import lines
from testkit.pending import NotedStream
from testkit.resuming_peer import HELLO, STREAMS_HELLO, TOKEN, ResumingPeer

GRACE = TYPED.link_grace


class ResumeTestCase(TestCase):
    def setUp(self) -> None:
        self.log = EventLoggingObserver.createWithCleanup(self, globalLogPublisher)
        self.ecm = Joined(link=TYPED)
        self.peer = ResumingPeer()
        self.talk()
        self.client = self.ecm.client()

    def talk(self) -> None:
        """Let both ends read what the other one has sent, until there is no more."""
        while said := self.ecm.link_transport.written():
            self.give(self.peer.receive(said))

    def give(self, data: bytes) -> None:
        if data:
            self.ecm.link.dataReceived(data)
            self.ecm.reactor.advance(0)

    def connect(self) -> None:
        self.peer.connect()
        self.ecm.link_up()
        self.talk()

    def answer(self, connection_id: int, body: bytes = b"<body/>") -> None:
        self.give(self.peer.send(connection_id, b"answer 200\n" + body))

    def asked(self, client: Client | None = None) -> int:
        (client or self.client).post(b"<body/>")
        self.talk()
        return self.peer.requests[-1][0]

    def said(self) -> list[str]:
        return lines(self.log, "ecm.upstream.keeper")


class BreakTests(ResumeTestCase):
    def test_a_request_that_arrived_is_answered_over_the_next_connection(self) -> None:
        number = self.asked()
        self.ecm.link_down()
        self.assertEqual(self.client.transport.written(), b"")
        self.answer(number, b"late")  # waits for the connection
        self.connect()
        self.assertTrue(self.client.transport.written().endswith(b"late"))
        self.assertEqual((len(self.peer.requests), self.peer.resumed), (1, 1))
        self.assertEqual((self.ecm.metrics.broken, self.ecm.metrics.lost), (1, 0))

    def test_one_that_did_not_arrive_is_sent_again(self) -> None:
        self.client.post(b"<body/>")
        self.ecm.link_transport.written()  # is lost
        self.ecm.link_down()
        self.connect()
        self.assertEqual(len(self.peer.requests), 1)
        self.answer(FIRST_ID, b"at last")
        self.assertTrue(self.client.transport.written().endswith(b"at last"))
        self.assertEqual(self.ecm.metrics.resent, 1)

    def test_an_answer_in_parts_goes_on_with_the_part_that_follows(self) -> None:
        number = self.asked()
        self.give(self.peer.send(number, b"part\none "))
        cut = self.peer.send(number, b"part\ntwo ")
        self.give(cut[:-1])
        self.ecm.link_down()
        self.peer.send(number, b"answer 200\nthree")
        self.connect()
        self.assertTrue(self.client.transport.written().endswith(b"\r\n\r\none two three"))

    def test_requests_that_come_meanwhile_wait_and_follow(self) -> None:
        self.ecm.link_down()
        self.assertEqual(self.client.post(b"<body/>"), b"")
        self.assertIs([*self.ecm.pool.links.values()][0], LinkStatus.BROKEN)
        self.ecm.pass_time(QUEUE_TIMEOUT - 1)
        self.connect()
        self.assertEqual(len(self.peer.requests), 1)

    def test_a_client_that_goes_meanwhile_is_reported(self) -> None:
        self.asked()
        self.ecm.link_down()
        self.client.leave()
        self.connect()
        self.assertEqual(self.peer.requests[1:], [(FIRST_ID, b"close gone")])

    def test_two_lines_tell_of_a_break(self) -> None:
        self.asked()
        self.ecm.pass_time(1)
        self.ecm.link_down()
        self.ecm.pass_time(3)
        self.connect()
        up, broken, resumed = self.said()
        self.assertIn("link broken: ", broken)
        self.assertIn("; 1 requests wait, up to 30 seconds, for it to resume", broken)
        self.assertEqual(resumed, "link resumed after 3 seconds: 0 packets sent again")

    def test_a_link_resumes_as_often_as_it_breaks(self) -> None:
        number = self.asked()
        for _ in range(50):
            self.ecm.link_down()
            self.connect()
        self.answer(number, b"yes")
        self.assertTrue(self.client.transport.written().endswith(b"yes"))
        self.assertEqual((self.peer.links, self.peer.resumed), (1, 50))

    def test_a_connection_that_breaks_before_resume_changes_nothing(self) -> None:
        number = self.asked()
        self.ecm.link_down()
        for said in (b"", HELLO, HELLO + encode(0, b"error version x")):
            self.ecm.link_up()
            self.give(said)
            if self.ecm.link_transport.connected:
                self.ecm.link_down()
        self.connect()
        self.answer(number)
        self.assertIn(b" 200 ", self.client.transport.written())

    def test_silence_breaks_it_and_does_not_end_it(self) -> None:
        for silence in (
            lambda: self.ecm.pass_time(30),
            lambda: self.ecm.answer(0, b"error silent x"),
        ):
            number = self.asked()
            silence()
            self.assertFalse(self.ecm.link_transport.connected)
            self.assertEqual(self.client.transport.written(), b"")
            self.connect()
            self.answer(number)
            self.assertIn(b" 200 ", self.client.transport.written())


class LostTests(ResumeTestCase):
    """Links that do not go on."""

    def refused(self) -> None:
        self.assertIn(b" 503 ", self.client.transport.written())

    def test_one_that_ejabberd_does_not_know_is_lost(self) -> None:
        self.asked()
        self.ecm.link_down()
        self.peer.begin_anew()
        self.connect()
        self.refused()
        self.assertEqual((self.peer.links, self.ecm.metrics.lost), (2, 1))
        self.assertIn(
            "link down: ejabberd does not know it any more; 1 requests lost", self.said()[2]
        )
        self.answer(self.asked(), b"of the new one")
        self.assertTrue(self.client.transport.written().endswith(b"of the new one"))

    def test_the_grace_has_an_end(self) -> None:
        self.asked()
        self.ecm.pass_time(1)
        self.ecm.link_down()
        self.ecm.pass_time(GRACE - 1)
        self.assertEqual(self.client.transport.written(), b"")
        self.ecm.pass_time(1)
        self.refused()
        self.assertIn("link down: it has not resumed within 30 seconds", self.said()[-1])
        self.connect()
        self.assertEqual(self.peer.links, 2)

    def test_ejabberd_hears_once_that_a_link_is_given_up(self) -> None:
        """It is to read nothing any more of what clients repeat over the next one."""
        self.asked()
        self.ecm.pass_time(1)
        self.ecm.link_down()
        self.ecm.pass_time(GRACE)
        self.connect()
        self.ecm.link_down()
        self.connect()
        told = [{"over": TOKEN % 1}, {"link": TOKEN % 2, "got": "0"}]
        self.assertEqual(self.peer.resumes[-2:], told)

    def test_the_grace_counts_from_the_break_also_before_the_first_tick(self) -> None:
        self.asked()
        self.ecm.link_down()
        self.ecm.reactor.advance(1_000_000.0)  # as the monotonic clock of a machine that is up
        self.assertEqual(self.client.transport.written(), b"")
        self.connect()
        self.assertEqual((self.peer.links, self.peer.resumed), (1, 1))

    def test_one_that_is_given_up_before_ejabberd_has_answered_does_not_go_on(self) -> None:
        for given_up in (lambda: self.ecm.pass_time(2), self.ecm.pool.drain):
            self.asked()
            self.ecm.pass_time(1)
            self.ecm.link_down()
            self.ecm.pass_time(GRACE - 1)
            self.peer.connect()
            self.ecm.link_up()
            given_up()
            self.refused()
            for _ in ("hello", "resume"):
                self.give(self.peer.receive(self.ecm.link_transport.written()))
            [(_, error)] = self.ecm.received()
            self.assertEqual(error, b"error unexpected the link has been given up")
            self.assertFalse(self.ecm.link_transport.connected)
            self.assertEqual(len(self.ecm.pool.links), 0)
            self.peer.begin_anew()
            self.connect()
            self.assertEqual(len(self.ecm.pool.links), 1)
        self.assertEqual(self.peer.links, 3)

    def test_a_fault_on_the_link_is_its_end(self) -> None:
        for fault in (
            b"answer 200\n",
            b"resume link=" + b"0" * 32 + b" got=0",
            b"ack 7",
            b"ack x",
            b"error malformed x",
            b"error flood x",
        ):
            self.asked()
            self.ecm.answer(LINK_ID, fault)
            self.refused()
            self.connect()
        self.assertEqual((self.peer.links, self.peer.resumed), (7, 0))

    def test_an_ack_that_goes_back_is_its_end(self) -> None:
        self.asked()
        self.give(self.peer.acknowledge())
        self.give(encode(LINK_ID, b"ack 1"))
        self.assertTrue(self.ecm.link_transport.connected)
        self.give(encode(LINK_ID, b"ack 0"))
        self.refused()
        [(_, error)] = self.ecm.received()
        self.assertTrue(error.startswith(b"error unexpected 0 is not the number"), error)

    def test_a_wrong_got_is_its_end(self) -> None:
        self.asked()
        self.ecm.link_down()
        self.peer.connect()
        self.ecm.link_up()
        self.give(HELLO)
        self.give(encode(0, b"resume got=2 link=%b" % self.peer.token.encode()))
        self.refused()
        self.assertEqual(self.ecm.received()[-1], (0, b"error unexpected got 2"))
        self.connect()
        self.assertEqual(self.peer.links, 2)

    def test_one_that_drains_is_not_kept(self) -> None:
        for drain in (lambda: self.ecm.answer(0, b"drain"), self.ecm.pool.drain):
            self.asked()
            drain()
            self.ecm.link_down()
            self.refused()
            self.connect()
        self.assertEqual(self.peer.resumed, 0)

    def test_the_end_of_one_that_drains_is_a_warning_only_if_requests_are_lost(self) -> None:
        for drain in (lambda: self.ecm.answer(0, b"drain"), self.ecm.pool.drain):
            for asks in (True, False):
                if asks:
                    self.asked()
                drain()
                self.ecm.link_down()
                (*_, last) = self.log
                self.assertIn(f"; {asks:d} requests lost", formatEvent(last))
                self.assertEqual(last["log_level"].name, "warn" if asks else "info")
                self.connect()

    def test_other_limits_are_for_a_new_link(self) -> None:
        self.asked()
        self.ecm.link_down()
        self.ecm.link_up()
        self.give(HELLO.replace(b"1048576", b"1048575"))
        self.assertEqual(self.ecm.received()[-1], (0, b"resume over=" + (TOKEN % 1).encode()))

    def test_without_resume_nothing_of_a_request_may_come(self) -> None:
        self.ecm.link_down()
        self.ecm.link_up()
        self.give(HELLO)
        self.give(encode(FIRST_ID, b"answer 200\n"))
        self.assertEqual(self.ecm.received()[-1], (0, b"error unexpected resume must come first"))

    def test_resume_must_come_in_time_and_name_a_link(self) -> None:
        for said, error in (
            (b"", b"error silent no resume came for 5 seconds"),
            (encode(0, b"resume got=0"), b"error malformed missing-field"),
        ):
            self.ecm.link_down()
            self.ecm.link_up()
            self.give(HELLO + said)
            self.ecm.pass_time(5)
            self.assertEqual(self.ecm.received()[-1], (0, error))


class AcknowledgeTests(ResumeTestCase):
    def acks(self) -> list[bytes]:
        said = PacketDecoder().feed(self.ecm.link_transport.written())
        return [content for number, content in said if not number and content.startswith(b"ack")]

    def test_within_a_second(self) -> None:
        self.answer(self.asked())
        self.assertEqual(self.acks(), [])
        self.ecm.pass_time(1)
        self.assertEqual(self.acks(), [b"ack 1"])
        self.ecm.pass_time(1)
        self.assertEqual(self.acks(), [])

    def test_at_once_after_some_packets_or_bytes(self) -> None:
        for number in range(1, ACK_PACKETS + 1):
            self.assertEqual(self.acks(), [])
            self.answer(number)
        self.assertEqual(self.acks(), [b"ack %d" % ACK_PACKETS])
        self.answer(1, b"x" * ACK_BYTES)
        self.assertEqual(self.acks(), [b"ack %d" % (ACK_PACKETS + 1)])

    def test_at_once_when_ecm_stops(self) -> None:
        self.answer(self.asked())
        [link] = self.ecm.pool.links
        link.acknowledge()
        self.assertEqual(self.acks(), [b"ack 1"])
        link.acknowledge()
        self.assertEqual(self.acks(), [])

    def test_not_while_ejabberd_does_not_read(self) -> None:
        self.ecm.queue.pauseProducing()
        for _ in range(3):
            self.answer(1, b"x" * ACK_BYTES)
            self.ecm.pass_time(1)
        self.assertEqual(self.acks(), [])
        self.ecm.queue.resumeProducing()
        self.ecm.pass_time(1)
        self.assertEqual(self.acks(), [b"ack 3"])

    def test_what_is_acknowledged_is_not_kept(self) -> None:
        self.asked()
        outbox = self.ecm.queue.outbox
        self.assertEqual(len(outbox.sent), 1)
        self.give(self.peer.acknowledge())
        self.assertEqual((len(outbox.sent), outbox.size), (0, 0))


class FullTests(ResumeTestCase):
    def test_a_link_that_is_not_acknowledged_is_full(self) -> None:
        for _ in range(30):
            self.ecm.client().post(b"x" * 9000)
        self.assertTrue(self.client.transport.paused)
        self.talk()  # it is read, and not acknowledged
        self.assertTrue(self.client.transport.paused)
        self.give(self.peer.acknowledge())
        self.assertFalse(self.client.transport.paused)
        self.talk()
        self.assertEqual(len(self.peer.requests), 30)

    def test_it_is_full_too_when_the_oldest_packet_is_old(self) -> None:
        self.asked()
        self.ecm.pass_time(MAX_QUEUE_AGE)
        self.assertFalse(self.client.transport.paused)
        self.ecm.pass_time(3)
        self.assertTrue(self.client.transport.paused)
        [congested] = [line for line in self.said() if line.startswith("link congested")]
        self.assertIn("the oldest for 5 seconds; clients are paused", congested)
        self.give(self.peer.acknowledge())
        self.ecm.pass_time(1)
        self.assertFalse(self.client.transport.paused)

    def test_a_full_link_that_breaks_lets_clients_be_read(self) -> None:
        for _ in range(30):
            self.ecm.client().post(b"x" * 9000)
        self.ecm.link_down()
        self.assertFalse(self.client.transport.paused)
        self.connect()
        self.give(self.peer.acknowledge())
        self.talk()
        self.assertEqual(len(self.peer.requests), 30)


class HintTests(ResumeTestCase):
    def test_an_ejabberd_that_hangs_is_not_taken_for_a_plain_one(self) -> None:
        self.ecm.links.established(self.ecm.link)
        self.ecm.link_down()
        self.ecm.link_up()
        ready = self.ecm.new_link().ready
        self.ecm.pass_time(5)
        why = str(self.failureResultOf(ready).value)
        self.assertEqual(why, "no hello came for 5 seconds")


class StreamsTests(TestCase):
    """Streams outlive the connection of their link."""

    def setUp(self) -> None:
        self.log = EventLoggingObserver.createWithCleanup(self, globalLogPublisher)
        self.ecm = Joined(link=attrs.evolve(TYPED, max_queue=1500))
        self.peer = ResumingPeer(STREAMS_HELLO)
        self.talk()
        self.stream = NotedStream(self.ecm.pool.new_id())
        self.link = self.ecm.pool.open(self.stream, b"open websocket secure=0")
        self.talk()

    def talk(self) -> None:
        """Let both ends read what the other one has sent, until there is no more."""
        while said := self.ecm.link_transport.written():
            self.ecm.link.dataReceived(self.peer.receive(said) or encode(LINK_ID, b"pong 0"))

    def connect(self) -> None:
        self.peer.connect()
        self.ecm.link_up()
        self.talk()

    @property
    def messages(self) -> int:
        return [said for _, said in self.peer.requests].count(b"message\nx")

    def test_messages_of_both_ends_wait_for_the_next_connection(self) -> None:
        self.ecm.link_down()
        self.assertIn(
            "; 0 requests and 1 streams wait, up to 30 seconds, for it to resume",
            lines(self.log, "ecm.upstream.keeper")[-1],
        )
        self.link.message(self.stream, b"x")
        self.peer.send(self.stream.id, b"message\ny")
        self.connect()
        self.assertEqual((self.messages, self.stream.got), (1, [b"y"]))

    def test_no_more_wait_than_the_queue_takes(self) -> None:
        self.ecm.link_down()
        sent = 0
        while self.link.may_send(self.stream):
            self.link.message(self.stream, b"x")
            self.stream.sent = 0  # as if there were many streams
            sent += 1
        queue = next(iter(self.ecm.pool.links)).queue
        self.assertLess(queue.outbox.size, 1500 + 2 * ACK_BYTES + 100)
        self.assertEqual(self.stream.got, [])
        self.connect()
        self.ecm.link.dataReceived(self.peer.acknowledge())
        self.assertEqual((self.messages, self.stream.got), (sent, [None]))
        self.assertTrue(self.link.may_send(self.stream))

    def test_a_link_that_ejabberd_does_not_know_ends_them(self) -> None:
        self.ecm.link_down()
        self.peer.begin_anew()
        self.connect()
        self.assertEqual(self.stream.got, [NO_LINK])

    def test_so_does_another_window(self) -> None:
        self.ecm.link_down()
        self.peer._hello = STREAMS_HELLO.replace(b"=65536", b"=65537")
        self.connect()
        self.assertEqual((self.peer.links, self.stream.got), (2, [NO_LINK]))
