"""The cost of an incomplete request: memory within the limits, and work for each byte."""

import gc
from itertools import cycle, islice
from typing import Any

from httptools import HttpRequestParser
from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import TestCase

from ecm.http import head
from ecm.http.chunks import ChunkedBody
from ecm.http.head_cache import HeadCache
from ecm.http.request import Head, RequestError, RequestLimits
from ecm.http.request_parser import RequestParser
from testkit.http_parser import parse
from testkit.in_memory import Joined
from testkit.samples.http_requests import CHUNKED, GET, POST
from testkit.traced_memory import traced

LIMITS = RequestLimits(max_header_size=2000, max_body=4000, max_headers=10)

# Bytes that all this may take: a head twice, as it came and in fields; a body, for which a
# bytearray may have an eighth more than it needs; and objects around these.
MAX_HELD = 2 * LIMITS.max_header_size + LIMITS.max_body * 9 // 8 + LIMITS.max_headers * 150 + 2000

# How requests begin, and what may come then for ever.
BEGINNINGS = [b"", GET, GET + b"A: ", b"GET /", POST + b"Content-Length: 4000\r\n\r\n", CHUNKED]
BEGINNINGS += [CHUNKED + part for part in (b"0", b"1;a=", b"0\r\nA: ", b"0\r\n", b"fa0\r\n")]
ENDLESS = [b"x", b"0", b"\r\n", b"A: b\r\n", b'"', b"\t", b"2\r\nab\r\n", b"1;a\r\nx\r\n"]


def feed(parser: RequestParser, data: bytes) -> bool:
    """Return whether the parser goes on."""
    try:
        parse(parser, [data])
    except RequestError:
        return False
    return True


def begin(data: bytes) -> RequestParser:
    parser = RequestParser(LIMITS)
    feed(parser, data)
    return parser


class MemoryTests(TestCase):
    @given(st.sampled_from(BEGINNINGS), st.sampled_from(ENDLESS), st.sampled_from([1, 2, 700]))
    @settings(deadline=None)
    def test_what_never_ends_is_bounded(self, beginning: bytes, endless: bytes, size: int) -> None:
        parser = begin(beginning)
        data = bytes(islice(cycle(endless), 20_000))
        with traced() as taken:
            for at in range(0, len(data), size):
                if not feed(parser, data[at : at + size]):
                    break
                self.assertLessEqual(parser.held, LIMITS.max_header_size * 2 + LIMITS.max_body)
                self.assertLessEqual(taken(), MAX_HELD)

    def test_a_body_takes_about_its_size(self) -> None:
        for size in (2, 1400):
            parser = RequestParser(RequestLimits())
            feed(parser, CHUNKED)
            with traced() as taken:
                for _ in range(200_000 // size):
                    feed(parser, b"%x\r\n%b\r\n" % (size, b"x" * size))
                self.assertLess(taken(), 250_000, size)

    def test_what_is_kept_is_told(self) -> None:
        parser = begin(POST + b"Content-Length: 100\r\n\r\n" + b"x" * 99)
        self.assertEqual(parser.held, len(POST) + 23 + 99)

    def test_llhttp_never_joins_anything(self) -> None:
        """Each byte of a head comes to it once, and none of a body, however they are cut."""
        counts: list[int] = []

        class Counting:
            def __init__(self, reader: Any) -> None:
                self._parser = HttpRequestParser(reader)

            def feed_data(self, data: bytes) -> None:
                counts.append(len(data))
                self._parser.feed_data(data)

        self.patch(head, "HttpRequestParser", Counting)
        start = POST + b"A: " + b"x" * 1000 + b"\r\nTransfer-Encoding: chunked\r\n\r\n"
        parser = RequestParser(LIMITS)
        for byte in start + b"2\r\nab\r\n" * 100 + b"0\r\nA: " + b"x" * 800 + b"\r\n\r\n":
            feed(parser, bytes([byte]))
        self.assertTrue(parser.idle)
        self.assertEqual(counts, [len(start)])


class LeftoverTests(TestCase):
    """Nothing is left of what has ended, without a collector of garbage."""

    def setUp(self) -> None:
        gc.collect()
        gc.disable()
        self.addCleanup(gc.enable)
        self.before = {id(each) for each in self.found()}

    def found(self) -> list[object]:
        kinds = (RequestParser, ChunkedBody, Head, RequestError, HttpRequestParser, head._Reader)
        return [each for each in gc.get_objects() if isinstance(each, kinds)]

    def assertNothingLeft(self) -> None:
        self.assertEqual([each for each in self.found() if id(each) not in self.before], [])

    def test_parsers_in_all_states(self) -> None:
        wrong = [b"nonsense", GET + b"no colon\r\n\r\n", CHUNKED + b"z\r\n"]
        for beginning in BEGINNINGS + wrong:
            for data in (beginning, beginning + b"secret"):
                begin(data)
        self.assertNothingLeft()

    def test_a_body_that_was_begun_and_dropped_is_gone(self) -> None:
        with traced() as taken:
            for _ in range(100):
                begin(POST + b"Content-Length: 4000\r\n\r\n" + b"x" * 3999)
            self.assertLess(taken(), 4000)

    def test_clients_that_leave_or_are_too_slow_or_wrong(self) -> None:
        ecm = Joined(header_timeout=1, body_timeout=1)
        beginning = POST.replace(b" / ", b" /http-bind ") + b"Content-Length: 9\r\n\r\nsecret"
        for data in (
            b"POST",
            beginning,
            beginning + b"xxx",
            b"nonsense\r\n\r\n",
            GET * 2 + b"\r\n",
        ):
            ecm.client().send(data)
            leaving = ecm.client()
            leaving.send(data)
            leaving.leave()
        waiting = ecm.client()
        for _ in range(4):
            waiting.post(b"")
        waiting.send(b"nonsense\r\n\r\n")  # which has its turn when the four are answered
        waiting.leave()
        ecm.pass_time(2)
        ecm.registry.head_cache = HeadCache()  # what that keeps is left on purpose
        self.assertNothingLeft()
