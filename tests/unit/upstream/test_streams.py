"""Streams on a link: messages, credit in both directions, and their ends."""

from typing import Any

import attrs
from twisted.internet.testing import EventLoggingObserver
from twisted.logger import globalLogPublisher
from twisted.trial.unittest import TestCase

from ecm.limits import STREAM_REFUSAL_TIME, STREAM_REFUSALS
from ecm.link.message import GAVE_UP, GONE, MESSAGE, TCP, WEBSOCKET, open_line
from ecm.link.settings import LinkSettings
from ecm.upstream.pending import (
    CONGESTED,
    NO_LINK,
    NO_STREAMS,
    NOT_UNDERSTOOD,
    STOPPING,
)
from ecm.upstream.pool import Unavailable
from ecm.upstream.streams import TOO_LATE, Streams
from testkit.in_memory import FIRST_ID, PEER_LINE, TYPED, Joined
from testkit.logs import lines
from testkit.pending import NotedExchange, NotedStream
from testkit.pool_links import LINE
from testkit.typed_vectors import HELLO_PACKET, STREAMS, VECTORS, content, named, packet

STREAMING = attrs.evolve(TYPED, link_grace=0, stream_window=1000)
HELLO = packet(
    {"id": "0", "content": named("hello of mod_ecm that carries streams")["content"]}
).replace(b"65536", b"01000")
HELLO_LEAVE = STREAMS["a client is sent to another ECM"]["steps"][1]["content"]
OPEN = open_line(WEBSOCKET, "192.0.2.7", 51234, secure=True)


def joined(settings: LinkSettings = STREAMING) -> Joined:
    """ECM with a link that carries streams."""
    ecm = Joined(link=settings)
    ecm.link.dataReceived(HELLO)
    ecm.received()
    return ecm


class Opened:
    """A stream that is open, of an ECM in memory."""

    def __init__(self, ecm: Joined) -> None:
        self.ecm = ecm
        self.stream = NotedStream(ecm.pool.new_id())
        self.link: Streams = ecm.pool.open(self.stream, OPEN)
        self.id = self.stream.id

    def hear(self, said: bytes) -> list[object]:
        """Let ejabberd say something on the stream, and return what the stream has got."""
        self.ecm.answer(self.id, said)
        got, self.stream.got = self.stream.got, []
        return got

    def send(self, body: bytes) -> bool:
        self.link.message(self.stream, body)
        return self.link.may_send(self.stream)

    @property
    def told(self) -> list[bytes]:
        """The contents that ejabberd has been told on it since the last look."""
        return [said for number, said in self.ecm.received() if number == self.id]


class ConversationTests(TestCase):
    """The conversations that docs/protocol.md shows; those in which ECM is wrong are mod_ecm's."""

    def test_ecm_says_what_it_says_there(self) -> None:
        for name, conversation in STREAMS.items():
            if conversation.get("wrong") != "ecm":
                self.replay(name, conversation)

    def replay(self, name: str, conversation: dict[str, Any]) -> None:
        ecm_hello, own_hello, *steps = conversation["steps"]
        window = int(ecm_hello["content"].partition("window=")[2].partition(" ")[0])
        ecm = Joined(link=attrs.evolve(STREAMING, stream_window=window))
        ecm.link.dataReceived(packet(own_hello))
        ecm.received()
        streams: dict[int, tuple[Streams, NotedStream]] = {}
        for step in steps:
            number, said = int(step["id"]), content(step)
            if step["from"] == "ejabberd":
                ecm.answer(number, said)
                if number in streams and conversation.get("reads", True):
                    streams[number][0].taken(streams[number][1])
                continue
            if said.startswith(b"open "):
                stream = NotedStream(number)
                streams[number] = ecm.pool.open(stream, said), stream
            elif said.startswith(MESSAGE):
                streams[number][0].message(streams[number][1], said.removeprefix(MESSAGE))
            elif said == b"leave":
                self.assertTrue(streams[number][0].leave(streams[number][1]))
            elif said.startswith(b"close "):
                ecm.pool.cancel(number, said.decode().removeprefix("close "))
            elif said.startswith(b"request "):
                line, lf, body = said.partition(b"\n")
                ecm.pool.request(NotedExchange(number), line + lf, body)
            self.assertEqual(ecm.received(), [(number, said)], name)
        self.assertEqual(ecm.received(), [], name)
        self.assertEqual(ecm.metrics.failed, "wrong" in conversation, name)

    def test_streams_are_opened_as_agreed(self) -> None:
        for name, line in (
            ("stream over WebSocket", OPEN),
            ("stream over TCP and IPv6, without TLS", open_line(TCP, "2001:db8::7", 51235, False)),
            (
                "stream over TLS, to which a login may be bound",
                open_line(TCP, "192.0.2.7", 51234, True, bytes(range(32))),
            ),
            ("stream of a client whose address is not known", open_line(WEBSOCKET, "", 0, False)),
        ):
            self.assertEqual(line, content(named(name)))


class LeaveTests(TestCase):
    """A client is to connect elsewhere, and nothing shall be on its way to it then."""

    def setUp(self) -> None:
        self.ecm = Joined(link=STREAMING)
        self.ecm.link.dataReceived(packet({"id": "0", "content": HELLO_LEAVE}))
        self.ecm.received()
        self.one = Opened(self.ecm)
        self.assertEqual(self.one.told, [OPEN])

    def test_ejabberd_says_its_last_word_and_hears_the_client_out(self) -> None:
        self.assertTrue(self.one.link.leave(self.one.stream))
        self.assertEqual(self.one.told, [b"leave"])
        self.assertEqual(self.one.hear(b"message\none"), [b"one"])
        self.assertEqual(self.one.hear(b"left"), [()])
        self.one.send(b"two")
        self.ecm.pool.cancel(self.one.id, GONE)
        self.assertEqual(self.one.told, [b"message\ntwo", b"close gone"])

    def test_it_may_end_the_stream_all_the_same(self) -> None:
        self.one.link.leave(self.one.stream)
        self.assertEqual(self.one.hear(b"left"), [()])
        self.assertEqual(self.one.hear(b"close end"), [("end", None)])
        self.assertEqual(self.one.hear(b"left"), [])
        self.assertEqual(self.ecm.metrics.failed, 0)

    def test_a_stream_that_is_over_does_not_leave(self) -> None:
        self.one.hear(b"close end")
        self.assertFalse(self.one.link.leave(self.one.stream))
        self.assertEqual(self.one.told, [])

    def test_a_message_behind_the_last_word_is_a_fault(self) -> None:
        self.one.link.leave(self.one.stream)
        self.one.hear(b"left")
        self.assertEqual(self.one.hear(b"message\nlate"), [NOT_UNDERSTOOD])
        self.assertEqual(self.one.told, [b"leave", b"error credit " + TOO_LATE.encode()])

    def test_an_older_mod_ecm_is_not_asked(self) -> None:
        one = Opened(joined())
        self.assertFalse(one.link.leave(one.stream))
        self.assertEqual(one.told, [OPEN])
        self.assertEqual(one.hear(b"left"), [NOT_UNDERSTOOD])
        self.assertEqual(one.told, [b"error unexpected left"])


class StreamTests(TestCase):
    def setUp(self) -> None:
        self.log = EventLoggingObserver.createWithCleanup(self, globalLogPublisher)
        self.ecm = joined()
        self.one = Opened(self.ecm)

    def test_messages_go_both_ways_as_they_are(self) -> None:
        self.assertEqual(self.one.told, [OPEN])
        self.one.send(b"<message/>\n\xff")
        self.assertEqual(self.one.told, [b"message\n<message/>\n\xff"])
        self.assertEqual(self.one.hear(b"message\n"), [b""])
        self.assertEqual(self.one.hear(b"message\nanswer 200\n\xff"), [b"answer 200\n\xff"])
        self.assertEqual(self.one.hear(b"message urgent=1\nx"), [b"x"])
        self.assertEqual(self.ecm.metrics.streams, 1)

    def test_requests_are_beside_them(self) -> None:
        client = self.ecm.client()
        client.post(b"<body/>")
        asked = FIRST_ID + 1
        self.assertEqual(self.ecm.received()[1:], [(asked, PEER_LINE + b"<body/>")])
        self.assertEqual(len(self.ecm.pool), 2)
        self.assertEqual(self.one.hear(b"message\nx"), [b"x"])
        self.ecm.answer(asked, b"answer 200\n<body/>")
        self.assertTrue(client.transport.written().endswith(b"<body/>"))
        self.assertEqual(len(self.ecm.pool), 1)

    def test_an_answer_is_not_for_a_stream_nor_a_message_for_a_request(self) -> None:
        exchange = NotedExchange(self.ecm.pool.new_id())
        self.ecm.pool.request(exchange, LINE, b"")
        self.assertEqual(self.one.hear(b"answer 200\nx"), [])
        self.ecm.answer(exchange.id, b"message\nx")
        self.ecm.answer(exchange.id, b"more 7")
        self.assertEqual((exchange.got, self.ecm.metrics.orphaned), ([], 1))
        self.assertEqual((self.ecm.metrics.late, self.one.hear(b"message\nx")), (1, [b"x"]))

    def test_one_has_credit_for_a_window(self) -> None:
        self.assertTrue(self.one.send(bytes(959)))
        self.assertFalse(self.one.send(b""))
        self.assertEqual(self.one.hear(b"more 39"), [])
        self.assertEqual(self.one.hear(b"more 1"), [None])
        self.assertTrue(self.one.link.may_send(self.one.stream))
        self.assertEqual(self.one.hear(b"more 999"), [])

    def test_what_its_client_has_taken_is_given_back(self) -> None:
        self.one.hear(b"message\n" + bytes(459))
        self.one.link.taken(self.one.stream)
        self.assertEqual(self.one.told, [OPEN])
        self.one.hear(b"message\n" + bytes(100))
        self.assertEqual(self.one.told, [])  # it has not taken this one yet
        self.one.link.taken(self.one.stream)
        self.one.link.taken(self.one.stream)
        self.assertEqual(self.one.told, [b"more 639"])

    def test_a_lie_about_credit_is_a_fault_of_the_stream_alone(self) -> None:
        other = Opened(self.ecm)
        self.ecm.received()
        self.one.hear(b"message\n" + bytes(2000))
        self.assertEqual(self.one.hear(b"message\nx"), [NOT_UNDERSTOOD])
        self.assertEqual(self.one.told, [b"error credit a message beyond the window"])
        self.assertEqual(other.hear(b"more 1"), [NOT_UNDERSTOOD])
        self.assertEqual(other.told, [b"error credit credit for more than was sent"])
        self.assertEqual(self.one.hear(b"message\nx"), [])
        self.assertEqual((self.ecm.metrics.failed, self.ecm.metrics.late), (2, 1))
        self.assertTrue(self.ecm.link_transport.connected)
        [line] = lines(self.log, "ecm.upstream.failures")
        self.assertIn("stream failed, closed: ", line)
        self.ecm.pass_time(11)
        self.assertIn("1 more streams failed in ", lines(self.log, "ecm.upstream.failures")[-1])

    def test_what_is_not_understood_ends_it(self) -> None:
        for said, told in (
            (b"frobnicate", b"error unknown-type frobnicate"),
            (b"more", b"error malformed bad-word"),
            (b"open websocket", b"error unexpected open"),
        ):
            one = Opened(self.ecm)
            self.ecm.received()
            self.assertEqual(one.hear(said), [NOT_UNDERSTOOD])
            self.assertEqual(one.told, [told])
        one = Opened(self.ecm)
        self.ecm.received()
        self.assertEqual(one.hear(b"error unknown-type there is no open"), [NOT_UNDERSTOOD])
        self.assertEqual((one.told, len(self.ecm.pool)), ([], 1))

    def test_ejabberd_ends_it(self) -> None:
        for said, end in (
            (b"close end", ("end", None)),
            (b"close failed status=1008", ("failed", 1008)),
            (b"close refused", ("refused", None)),
        ):
            one = Opened(self.ecm)
            self.ecm.received()
            self.assertEqual(one.hear(said), [end])
            self.assertEqual(one.hear(said), [])
            self.assertFalse(one.send(b"late"))
            one.hear(b"message\n" + bytes(900))
            one.stream.owed = 1000
            one.link.taken(one.stream)
            self.ecm.pool.cancel(one.id, GONE)
            self.assertEqual(one.told, [])

    def test_its_client_goes(self) -> None:
        self.ecm.pool.cancel(self.one.id, GAVE_UP)
        self.assertEqual(self.one.told, [OPEN, b"close gave-up"])
        self.assertEqual(self.one.hear(b"message\nlate"), [])
        self.assertEqual((len(self.ecm.pool), self.ecm.metrics.late), (0, 1))

    def test_a_client_that_half_closes_is_none_of_ejabberds_business(self) -> None:
        self.ecm.received()
        self.ecm.pool.half_closed(self.one.id)
        self.assertEqual(self.one.told, [])

    def test_the_longest_message_fits_the_shorter_packet(self) -> None:
        self.assertEqual(self.one.link.max_message, 2**20 - 40)
        ecm = joined(attrs.evolve(STREAMING, max_packet=5000))
        one = Opened(ecm)
        ecm.received()
        one.send(bytes(one.link.max_message))
        self.assertEqual(len(ecm.link_transport.value()), 5000)


class QueueTests(TestCase):
    """A send queue that is full leaves to the clients whatever they have."""

    def setUp(self) -> None:
        self.ecm = joined(attrs.evolve(STREAMING, max_queue=1500))
        self.one, self.other = Opened(self.ecm), Opened(self.ecm)
        self.ecm.received()
        self.ecm.queue.pauseProducing()

    def test_nobody_sends_while_it_is_full(self) -> None:
        self.assertTrue(self.one.send(bytes(900)))
        self.assertFalse(self.other.send(bytes(900)))
        self.assertFalse(self.one.link.may_send(self.one.stream))
        self.ecm.queue.resumeProducing()
        self.assertEqual((self.one.stream.got, self.other.stream.got), ([None], [None]))
        self.assertTrue(self.one.link.may_send(self.one.stream))

    def test_those_that_have_gone_meanwhile_are_not_told(self) -> None:
        self.one.send(bytes(900))
        self.other.send(bytes(900))
        self.one.link.may_send(self.one.stream)
        self.ecm.pool.cancel(self.one.id, GONE)
        self.ecm.queue.resumeProducing()
        self.assertEqual((self.one.stream.got, self.other.stream.got), ([], [None]))

    def test_one_that_takes_another_along_when_it_is_told(self) -> None:
        self.one.send(bytes(900))
        self.other.send(bytes(900))
        self.one.link.may_send(self.one.stream)
        self.other.stream.more = lambda: self.ecm.pool.cancel(  # type: ignore[method-assign]
            self.one.id, GONE
        )
        self.ecm.queue.resumeProducing()
        self.assertEqual(self.one.stream.got, [])

    def test_credit_that_comes_while_it_is_full_is_used_later(self) -> None:
        self.one.send(bytes(960))
        self.other.send(bytes(900))
        self.assertEqual(self.one.hear(b"more 1000"), [])
        self.ecm.queue.resumeProducing()
        self.assertEqual(self.one.stream.got, [None])

    def test_no_stream_is_opened_while_it_is_full(self) -> None:
        self.one.send(bytes(900))
        self.other.send(bytes(900))
        why = self.assertRaises(Unavailable, Opened, self.ecm)
        self.assertEqual(str(why), CONGESTED)


class LinkTests(TestCase):
    """A link that is lost takes its streams with it; one that drains does not."""

    def test_without_a_link_there_is_no_stream(self) -> None:
        ecm = joined()
        ecm.link_down()
        why = self.assertRaises(Unavailable, Opened, ecm)
        self.assertEqual(str(why), NO_LINK)

    def test_without_the_feature_there_is_none(self) -> None:
        for window, hello in ((1000, HELLO_PACKET), (0, HELLO)):
            ecm = Joined(link=attrs.evolve(STREAMING, stream_window=window))
            ecm.link.dataReceived(hello)
            ecm.received()
            why = self.assertRaises(Unavailable, Opened, ecm)
            self.assertEqual(str(why), NO_STREAMS)
            for said in (b"message\nx", b"more 1"):
                ecm.answer(7, said)
            refusals = [said for _, said in ecm.received()]
            self.assertEqual(refusals, [b"error unexpected message", b"error unexpected more"])

    def test_a_window_that_is_not_told_is_the_usual_one(self) -> None:
        ecm = Joined(link=STREAMING)
        ecm.link.dataReceived(
            packet({"id": "0", "content": VECTORS["contents"][1]["content"] + "streams"})
        )
        ecm.received()
        one = Opened(ecm)
        self.assertTrue(one.send(bytes(65_495)))
        self.assertFalse(one.send(b""))

    def test_streams_of_a_lost_link_are_closed_one_after_the_other(self) -> None:
        log = EventLoggingObserver.createWithCleanup(self, globalLogPublisher)
        ecm = joined()
        opened = [Opened(ecm) for _ in range(STREAM_REFUSALS + 2)]
        ecm.pool.request(NotedExchange(ecm.pool.new_id()), LINE, b"")
        ecm.link_down()
        self.assertIn(
            "; 1 requests lost, answered 503; 202 streams closed",
            lines(log, "ecm.upstream.keeper")[-1],
        )
        self.assertEqual(opened[-3].stream.got, [NO_LINK])
        for late in opened[-2:]:
            self.assertEqual((late.stream.got, late.send(b"late")), ([], False))
        ecm.pool.cancel(opened[-1].id, GONE)
        ecm.pass_time(1)
        self.assertEqual([each.stream.got for each in opened[-2:]], [[NO_LINK], []])
        self.assertEqual((len(ecm.pool), ecm.metrics.streams_lost), (0, STREAM_REFUSALS + 2))

    def test_very_many_take_as_long_as_their_logins(self) -> None:
        ecm = joined()
        opened = [Opened(ecm) for _ in range(4 * STREAM_REFUSALS * STREAM_REFUSAL_TIME)]
        ecm.link_down()
        for seconds in range(1, 10):
            closed = sum(bool(each.stream.got) for each in opened)
            self.assertEqual(closed, 4 * STREAM_REFUSALS * seconds)
            ecm.pass_time(1)

    def test_whoever_says_something_is_closed_before_the_others(self) -> None:
        ecm = joined()
        opened = [Opened(ecm) for _ in range(3 * STREAM_REFUSALS)]
        without_credit, speaker, closed = opened[-3:]
        self.assertFalse(without_credit.send(bytes(1000)))
        ecm.link_down()
        self.assertEqual(without_credit.stream.got, [NO_LINK])
        self.assertFalse(speaker.link.may_send(speaker.stream))
        self.assertEqual(speaker.stream.got, [])
        ecm.pool.cancel(closed.id, GONE)
        self.assertFalse(closed.link.may_send(closed.stream))
        ecm.pass_time(1)
        self.assertEqual((speaker.stream.got, closed.stream.got), ([NO_LINK], []))
        self.assertEqual(len(ecm.pool), STREAM_REFUSALS - 1)

    def test_ejabberd_drains(self) -> None:
        ecm = joined()
        one = Opened(ecm)
        ecm.answer(0, b"drain")
        why = self.assertRaises(Unavailable, Opened, ecm)
        self.assertEqual(str(why), STOPPING)
        self.assertEqual(one.hear(b"message\nx"), [b"x"])
        self.assertTrue(one.send(b"x"))
        self.assertEqual(one.told, [OPEN, b"message\nx"])
        self.assertEqual(one.hear(b"close end"), [("end", None)])

    def test_ecm_drains(self) -> None:
        ecm = joined()
        one = Opened(ecm)
        ecm.pool.drain()
        self.assertEqual(one.hear(b"message\nx"), [b"x"])
        self.assertTrue(one.send(b"x"))
        self.assertEqual((one.stream.got, len(ecm.pool)), ([], 1))
