"""Bodies of requests and answers, and the numbers of a session."""

from xml.etree.ElementTree import fromstring

from twisted.trial.unittest import TestCase

from ecm.tools.bosh.body import TERMINATE, creation, hold, named, restart, sid, termination
from ecm.tools.bosh.http import BadAnswer
from ecm.tools.bosh.session import Session
from testkit.samples.http_answers import BODY

HTTPBIND = "{http://jabber.org/protocol/httpbind}body"
XBOSH = "{urn:xmpp:xbosh}"


class AnswerTests(TestCase):
    def test_the_sid(self) -> None:
        self.assertEqual(
            sid(b"<?xml version='1.0'?>\n<body wait='60' sid=\"a&amp;b\"/>"), b"a&amp;b"
        )
        self.assertEqual(sid(b"<body a='>' sid='1'><x sid='2'/></body>"), b"1")
        self.assertIsNone(sid(b"<body other-sid='1'><x sid='2'/></body>"))
        self.assertRaises(BadAnswer, sid, b"<html/>")

    def test_the_requests_that_are_held(self) -> None:
        self.assertEqual(hold(b"<body hold=\"2\"><x hold='3'/></body>"), 2)
        self.assertEqual(hold(b"<body on-hold='2'/>"), 1)
        self.assertRaises(BadAnswer, hold, b"<html/>")

    def test_the_end_of_a_session(self) -> None:
        ended = b"<body type=\"terminate\" condition='item-not-found'/>"
        self.assertEqual(termination(ended), "item-not-found")
        self.assertEqual(termination(b"<body type='terminate'/>"), "without a condition")

    def test_a_session_that_goes_on(self) -> None:
        self.assertIsNone(termination(BODY))
        self.assertIsNone(termination(b"<body><message>type='terminate'</message></body>"))


class RequestTests(TestCase):
    def setUp(self) -> None:
        self.session = Session(1000)

    def test_the_creation_of_a_session(self) -> None:
        body = fromstring(self.session.body(1000, b"", creation("a.example", 60, 1, ack="1")))
        self.assertEqual(body.tag, HTTPBIND)
        expected = {"rid": "1000", "to": "a.example", "wait": "60", "hold": "1", "ack": "1"}
        self.assertLessEqual(expected.items(), body.attrib.items())
        self.assertEqual(body.get(XBOSH + "version"), "1.0")
        self.assertNotIn("sid", body.attrib)

    def test_the_next_requests_of_a_session(self) -> None:
        self.session.sid = b"a&amp;b"
        first = fromstring(self.session.next_body())
        second = fromstring(self.session.next_body(b"<presence xmlns='jabber:client'/>", TERMINATE))
        self.assertEqual(first.attrib, {"rid": "1001", "sid": "a&b"})
        self.assertEqual(second.attrib, {"rid": "1002", "sid": "a&b", "type": "terminate"})
        self.assertEqual([child.tag for child in second], ["{jabber:client}presence"])
        self.assertEqual(self.session.rid, 1002)

    def test_a_request_again(self) -> None:
        self.session.sid = b"s"
        first = self.session.next_body(b"<presence/>")
        self.session.next_body()
        self.assertEqual(self.session.body(1001, b"<presence/>"), first)
        self.assertEqual(self.session.rid, 1002)

    def test_the_restart_of_a_stream(self) -> None:
        self.session.sid = b"s"
        body = fromstring(self.session.next_body(b"", restart("a.example")))
        self.assertEqual((body.get("to"), body.get(XBOSH + "restart")), ("a.example", "true"))

    def test_attributes_are_escaped(self) -> None:
        self.session.sid = b"s"
        body = fromstring(self.session.next_body(b"", named(key="<&>\"'")))
        self.assertEqual(body.get("key"), "<&>\"'")

    def test_the_first_rid_is_drawn_and_far_from_the_last_one(self) -> None:
        rids = {Session().rid for _ in range(100)}
        self.assertGreater(len(rids), 90)
        self.assertTrue(all(0 < rid < 2**31 for rid in rids))
