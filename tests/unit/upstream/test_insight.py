"""Numbers of nodes and sessions, for an operator, over links that may be old, slow or gone."""

from typing import Any

from twisted.internet.defer import Deferred
from twisted.trial.unittest import TestCase

from ecm.limits import INSPECT_TIMEOUT, MAX_QUESTIONS, STATS_INTERVAL
from ecm.link.packet import LINK_ID
from ecm.upstream import insight
from ecm.upstream.link import LinkStatus
from ecm.upstream.pool import UpstreamPool
from testkit.in_memory import FIRST_ID, TYPED, Joined
from testkit.pool_links import LinkEnd
from testkit.typed_vectors import HELLO

NEW = HELLO + b",insight"
NODE = "ejabberd@chat"


class InsightTestCase(TestCase):
    def setUp(self) -> None:
        self.ecm = Joined(link=TYPED)

    def hello(self, hello: bytes = NEW) -> None:
        self.ecm.answer(LINK_ID, hello)
        self.ecm.received()

    def inspect(self, **asked: Any) -> Deferred[dict[str, Any]]:
        return self.ecm.pool.insight.inspect(**asked)

    def refused(self, **asked: Any) -> str:
        answer = self.successResultOf(self.inspect(**asked))
        self.assertEqual((answer["sessions"], answer["more"]), ([], 0))
        return str(answer["why"])


class StatisticsTests(InsightTestCase):
    def asked(self) -> list[bytes]:
        """Return the pings that have come, and answer them."""
        pings = [said for _, said in self.ecm.received() if said.startswith(b"ping ")]
        for ping in pings:
            self.ecm.answer(LINK_ID, b"pong " + ping.split()[1])
        return pings

    def test_some_pings_ask_for_them(self) -> None:
        self.hello()
        self.ecm.pass_time(TYPED.ping_interval)
        [first] = self.asked()
        self.assertEqual(first, b"ping 1 stats=1")
        self.assertEqual(TYPED.ping_interval, STATS_INTERVAL)
        self.ecm.pass_time(TYPED.ping_interval)
        self.assertEqual(self.asked(), [b"ping 2 stats=1"])

    def test_an_old_ejabberd_is_not_asked(self) -> None:
        self.hello(HELLO)
        self.ecm.pass_time(TYPED.ping_interval)
        self.assertEqual(self.asked(), [b"ping 1"])

    def test_the_last_ones_of_each_node_are_there_while_its_link_is(self) -> None:
        self.hello()
        self.assertEqual(self.ecm.pool.insight.node_stats, {})
        for said in (b"stats\nsessions.held 1\n", b"stats\nsessions.held 2\na b\n"):
            self.ecm.answer(LINK_ID, said)
        self.assertEqual(self.ecm.pool.insight.node_stats, {NODE: {"sessions.held": 2}})
        self.ecm.link_down()
        self.assertEqual(self.ecm.pool.insight.node_stats, {})

    def test_who_tells_without_having_said_so_is_wrong(self) -> None:
        for said in (b"stats\na 1\n", b"inspected 1\na=1\n"):
            self.ecm = Joined(link=TYPED)
            self.hello(HELLO)
            self.ecm.answer(LINK_ID, said)
            [(_, told)] = self.ecm.received()
            self.assertTrue(told.startswith(b"error unexpected "), told)


class InspectTests(InsightTestCase):
    def test_a_question_gets_its_answer(self) -> None:
        self.hello()
        first, second = self.inspect(jid="a@b"), self.inspect(id=FIRST_ID)
        asked = [(LINK_ID, b"inspect 1 jid=a@b"), (LINK_ID, b"inspect 2 id=1000")]
        self.assertEqual(self.ecm.received(), asked)
        self.ecm.answer(LINK_ID, b"inspected 2 why=not-here\n")
        self.ecm.answer(LINK_ID, b"inspected 1 more=3\njid=a@b/c\n")
        wanted = {"node": NODE, "sessions": [{"jid": "a@b/c"}], "more": 3, "why": ""}
        self.assertEqual(self.successResultOf(first), wanted)
        self.assertIn("no session of this node", self.successResultOf(second)["why"])

    def test_an_answer_that_nobody_waits_for_has_no_meaning(self) -> None:
        self.hello()
        asked = self.inspect(sid="abc")
        for said in (b"inspected 7\na=1\n", b"inspected x why=not-found\n"):
            self.ecm.answer(LINK_ID, said)
        self.assertNoResult(asked)
        self.ecm.pass_time(INSPECT_TIMEOUT)
        self.assertEqual(self.successResultOf(asked)["why"], insight.NO_ANSWER)
        self.ecm.answer(LINK_ID, b"inspected 1\na=1\n")
        self.assertTrue(self.ecm.link_transport.connected)

    def test_a_link_that_goes_answers_nothing(self) -> None:
        self.hello()
        asked = self.inspect(jid="a@b")
        self.ecm.link_down()
        self.ecm.pass_time(INSPECT_TIMEOUT)
        self.assertEqual(self.successResultOf(asked)["why"], insight.NO_ANSWER)

    def test_without_a_link_nobody_is_asked(self) -> None:
        self.assertEqual(self.refused(jid="a@b"), insight.NO_LINK)
        self.hello()
        self.ecm.link_down()
        self.assertEqual(self.refused(id=FIRST_ID), insight.NO_LINK)

    def test_an_old_ejabberd_does_not_know_the_question(self) -> None:
        self.hello(HELLO)
        self.assertEqual(self.refused(jid="a@b"), insight.UNKNOWN)
        self.assertEqual(self.ecm.received(), [])

    def test_a_question_that_is_none_is_not_sent(self) -> None:
        self.hello()
        for asked in ({}, {"jid": "a\n@b"}, {"jid": "a@b", "sid": "abc"}, {"id": -1}):
            self.assertEqual(self.refused(**asked), insight.MALFORMED)
        self.assertEqual(self.ecm.received(), [])

    def test_not_more_wait_than_may(self) -> None:
        self.hello()
        for _ in range(MAX_QUESTIONS):
            self.inspect(jid="a@b")
        self.assertEqual(self.refused(jid="a@b"), insight.TOO_MANY)
        self.ecm.pass_time(INSPECT_TIMEOUT)
        self.assertNoResult(self.inspect(jid="a@b"))


class NodesTests(TestCase):
    def setUp(self) -> None:
        self.pool = UpstreamPool(1000, 10, nodes=3)
        self.ends = [LinkEnd(self.pool, Joined().metrics, f"node@{each}") for each in range(3)]

    def test_a_connection_is_asked_for_at_its_node(self) -> None:
        for end in self.ends:
            end.link.tells = True
        self.pool.insight.inspect(id=self.pool.nodes.new_id(1))
        self.assertEqual([len(end.sent()) for end in self.ends], [0, 1, 0])

    def test_a_session_is_asked_for_at_a_node_that_knows_the_question(self) -> None:
        self.ends[2].link.tells = True
        self.pool.insight.inspect(jid="a@b")
        self.assertEqual([len(end.sent()) for end in self.ends], [0, 0, 1])
        self.ends[2].become(LinkStatus.BROKEN)
        answer = self.successResultOf(self.pool.insight.inspect(jid="a@b"))
        self.assertEqual(answer["why"], insight.UNKNOWN)
