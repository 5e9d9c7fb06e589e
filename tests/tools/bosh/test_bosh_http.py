"""Answers to the swarm's requests."""

from twisted.trial.unittest import TestCase

from ecm.tools.bosh.http import BadAnswer, cut, hold, sid, termination
from testkit.samples.http_answers import ANSWERS, BODY, PLAIN


class CutTests(TestCase):
    def test_whole(self) -> None:
        for data, answer in ANSWERS.items():
            self.assertEqual(cut(data), answer)

    def test_nothing_comes_out_of_any_beginning(self) -> None:
        for data in ANSWERS:
            for length in range(len(data)):
                self.assertIsNone(cut(data[:length]), data[:length])

    def test_bytes_behind_are_kept(self) -> None:
        for data, answer in ANSWERS.items():
            self.assertEqual(cut(data + PLAIN), answer._replace(rest=PLAIN))

    def test_what_is_no_answer(self) -> None:
        for data in (
            b"SSH-2.0-OpenSSH\r\n\r\n",
            b"HTTP/1.1 200 OK\r\n\r\n",
            b"HTTP/1.1 200 OK\r\ncontent-length: +1\r\n\r\nx",
            b"HTTP/1.1 200 OK\r\ncontent-length: 999999999\r\n\r\n",
            b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nx\r\n",
            b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1\r\nxyz",
            b"x" * 20_000,
        ):
            self.assertRaises(BadAnswer, cut, data)


class BodyTests(TestCase):
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
