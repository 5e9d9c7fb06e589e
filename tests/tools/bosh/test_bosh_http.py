"""Requests and answers as HTTP."""

from twisted.trial.unittest import TestCase

from ecm.tools.bosh.http import BadAnswer, Endpoint, cut
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


class EndpointTests(TestCase):
    def test_a_request(self) -> None:
        self.assertEqual(
            Endpoint("chat.example:7080", "/bosh?a=b").post(BODY),
            b"POST /bosh?a=b HTTP/1.1\r\nHost: chat.example:7080\r\n"
            b"Content-Type: text/xml; charset=utf-8\r\n"
            b"Content-Length: %d\r\n\r\n%b" % (len(BODY), BODY),
        )
