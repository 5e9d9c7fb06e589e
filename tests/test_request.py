"""The parser of requests: bytes in, requests out."""

from collections.abc import Iterable

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import TestCase

from ecm.limits import ClientLimits
from ecm.request import Request, RequestError, RequestParser
from tests.pieces import cut, cuts, feed_all, whole_and_bytewise

NEXT = b"GET /next HTTP/1.1\r\n\r\n"


def request(method: bytes, target: bytes, **others: object) -> Request:
    """A request as the parser gives it, of which only what is named is not the usual."""
    fields = {"path": target, "headers": [], "body": b"", "http10": False, "keep_alive": True}
    return Request(method=method, target=target, **(fields | others))  # type: ignore[arg-type]


# Bytes, and the request that they are.
REQUESTS: list[tuple[bytes, Request]] = [
    (b"GET / HTTP/1.1\r\n\r\n", request(b"GET", b"/")),
    (b"\r\nGET / HTTP/1.1\r\n\r\n", request(b"GET", b"/")),
    (
        b"POST /http-bind HTTP/1.1\r\nHost: a\r\nContent-Length: 7\r\n\r\n<body/>",
        request(
            b"POST",
            b"/http-bind",
            headers=[(b"Host", b"a"), (b"Content-Length", b"7")],
            body=b"<body/>",
        ),
    ),
    (
        b"POST /bosh HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n"
        b"3;quality=1\r\n<bo\r\n4\r\ndy/>\r\n0\r\nTrailer: dropped\r\n\r\n",
        request(b"POST", b"/bosh", headers=[(b"Transfer-Encoding", b"chunked")], body=b"<body/>"),
    ),
    (
        b"GET /a?b=/c HTTP/1.1\r\nEmpty:\r\nSpaced: \t x y \t\r\n\r\n",
        request(b"GET", b"/a?b=/c", path=b"/a", headers=[(b"Empty", b""), (b"Spaced", b"x y")]),
    ),
    (b"GET http://a:80/b?c HTTP/1.1\r\n\r\n", request(b"GET", b"http://a:80/b?c", path=b"/b")),
    (b"GET http://a HTTP/1.1\r\n\r\n", request(b"GET", b"http://a", path=b"/")),
    (b"OPTIONS * HTTP/1.1\r\n\r\n", request(b"OPTIONS", b"*")),
    (
        b"GET / HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n",
        request(b"GET", b"/", headers=[(b"Connection", b"Upgrade"), (b"Upgrade", b"h2c")]),
    ),
    (
        b"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
        request(b"GET", b"/", headers=[(b"Connection", b"keep-alive")], http10=True),
    ),
]

LAST_REQUESTS: list[tuple[bytes, Request]] = [
    (b"GET / HTTP/1.0\r\n\r\n", request(b"GET", b"/", http10=True, keep_alive=False)),
    (
        b"GET / HTTP/1.1\r\nConnection: close\r\n\r\n",
        request(b"GET", b"/", headers=[(b"Connection", b"close")], keep_alive=False),
    ),
]

# Bytes, and the status with which they are refused.
ERRORS: list[tuple[bytes, int]] = [
    (b"nonsense\r\n\r\n", 400),
    (b"0000000039|00000000000000000007|<body/>", 400),
    (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 400),  # TLS on a port without
    (b"GET /\xff HTTP/1.1\r\n\r\n", 400),
    (b"GET / HTTP/1.1\r\nno colon\r\n\r\n", 400),
    (b"GET http:// HTTP/1.1\r\n\r\n", 400),
    (b"POST / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", 400),
    (b"POST / HTTP/1.1\r\nContent-Length: -1\r\n\r\n", 400),
    (b"POST / HTTP/1.1\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", 400),
    (b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nz\r\n", 400),
    (b"POST / HTTP/1.1\r\nContent-Length: 101\r\n\r\n", 413),
    (b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n65\r\n" + b"x" * 101, 413),
    (b"GET / HTTP/1.1\r\nCookie: " + b"x" * 1000 + b"\r\n\r\n", 431),
    (b"GET / HTTP/1.1\r\n" + b"A: b\r\n" * 1000, 431),
    (b"GET /" + b"x" * 1000, 431),
    (b"CONNECT a:80 HTTP/1.1\r\n\r\n", 501),
    (b"POST / HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: h2c\r\nContent-Length: 40\r\n\r\n", 501),
    (b"GET / HTTP/2.0\r\n\r\n", 505),
]


def small_parser() -> RequestParser:
    return RequestParser(ClientLimits(max_body=100, max_head=1000, max_fields=10))


def parse(parser: RequestParser, pieces: Iterable[bytes]) -> list[Request]:
    return feed_all(parser.feed, pieces)


class RequestTests(TestCase):
    def test_requests_whole_and_byte_by_byte(self) -> None:
        for data, meaning in REQUESTS + LAST_REQUESTS:
            for pieces in whole_and_bytewise(data):
                parser = small_parser()
                self.assertEqual(parse(parser, pieces[:-1]), [], data)
                self.assertEqual(parse(parser, pieces[-1:]), [meaning], data)
                self.assertTrue(parser.idle, data)

    def test_requests_with_the_next_one_behind(self) -> None:
        for data, meaning in REQUESTS:
            for pieces in whole_and_bytewise(data + NEXT):
                found = parse(small_parser(), pieces)
                self.assertEqual(found, [meaning, request(b"GET", b"/next")], data)

    def test_nothing_may_come_behind_a_last_request(self) -> None:
        for data, meaning in LAST_REQUESTS:
            feeding = small_parser().feed(data + NEXT)
            self.assertEqual(next(feeding), meaning)
            self.assertRaises(RequestError, next, feeding)

    def test_errors_have_their_status(self) -> None:
        for data, status in ERRORS:
            for pieces in whole_and_bytewise(data):
                error = self.assertRaises(RequestError, parse, small_parser(), pieces)
                self.assertEqual(error.status, status, (data, error.reason))

    def test_requests_before_an_error_are_delivered(self) -> None:
        for data, status in ERRORS:
            feeding = small_parser().feed(NEXT + data)
            self.assertEqual(next(feeding), request(b"GET", b"/next"))
            self.assertEqual(self.assertRaises(RequestError, next, feeding).status, status)

    def test_a_parser_in_a_request_is_not_idle(self) -> None:
        parser = small_parser()
        self.assertEqual(parse(parser, [NEXT + b"G"]), [request(b"GET", b"/next")])
        self.assertFalse(parser.idle)

    def test_the_limits_allow_what_they_say(self) -> None:
        fits = b"POST / HTTP/1.1\r\nContent-Length: 100\r\n\r\n" + b"x" * 100
        self.assertEqual(parse(small_parser(), [fits])[0].body, b"x" * 100)

    def test_a_head_in_pieces_is_as_long_as_a_whole_one(self) -> None:
        data = b"GET / HTTP/1.1\r\n" + b"Header: %b\r\n" % (b"x" * 500) * 19 + b"\r\n"
        pieces = [data[at : at + 1400] for at in range(0, len(data), 1400)]
        self.assertEqual(len(parse(RequestParser(ClientLimits()), pieces)), 1)

    def test_a_body_is_not_counted_for_the_next_head(self) -> None:
        data = b"POST / HTTP/1.1\r\nContent-Length: 20000\r\n\r\n" + b"x" * 20_000
        pieces = [data + NEXT[:5], NEXT[5:]]
        self.assertEqual(len(parse(RequestParser(ClientLimits()), pieces)), 2)

    def test_a_length_may_begin_with_any_number_of_zeros(self) -> None:
        data = b"POST / HTTP/1.1\r\nContent-Length: " + b"0" * 5000 + b"3\r\n\r\nabc"
        self.assertEqual(parse(RequestParser(ClientLimits()), [data])[0].body, b"abc")


class PropertyTests(TestCase):
    @given(st.binary(max_size=400), cuts())
    def test_any_bytes_give_requests_or_the_one_error(self, data: bytes, places: list[int]) -> None:
        self._requests_or_error(data, places)

    @given(st.lists(st.sampled_from([data for data, _ in REQUESTS + ERRORS])), cuts(), st.data())
    def test_damaged_requests_too(
        self, parts: list[bytes], places: list[int], draw: st.DataObject
    ) -> None:
        data = bytearray(b"".join(parts))
        for place in draw.draw(st.lists(st.integers(0, max(0, len(data) - 1)), max_size=5)):
            if data:
                data[place] = draw.draw(st.integers(0, 255))
        self._requests_or_error(bytes(data), places)

    def _requests_or_error(self, data: bytes, places: list[int]) -> None:
        parser = small_parser()
        try:
            for found in parse(parser, cut(data, places)):
                self.assertLessEqual(len(found.body), 100)
                self.assertLessEqual(len(found.target), 1000)
        except RequestError as error:
            self.assertIn(error.status, {400, 411, 413, 431, 501, 505})

    @given(st.lists(st.sampled_from(REQUESTS), max_size=8), cuts())
    def test_requests_in_any_pieces_are_the_same(
        self, sent: list[tuple[bytes, Request]], places: list[int]
    ) -> None:
        data = b"".join(data for data, _ in sent)
        found = parse(small_parser(), cut(data, places))
        self.assertEqual(found, [meaning for _, meaning in sent])
