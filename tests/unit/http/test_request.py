"""The parser of requests: bytes in, requests out."""

import contextlib

from httptools import HttpParserError, HttpRequestParser
from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import TestCase

from ecm.http.request import Request, RequestError, RequestLimits
from ecm.http.request_parser import RequestParser
from ecm.limits import TRUNCATED_BODY
from testkit.http_parser import feed, parse
from testkit.samples.http_requests import (
    CHUNKED,
    ERRORS,
    GET,
    HOST,
    LAST_REQUESTS,
    POST,
    REQUESTS,
    request,
)
from testkit.splits import cut, cuts, whole_and_bytewise

NEXT = b"GET /next HTTP/1.1\r\nHost: a\r\n\r\n"


def small_parser() -> RequestParser:
    return RequestParser(RequestLimits(max_body=100, max_header_size=1000, max_headers=10))


class RequestTests(TestCase):
    def test_requests_whole_and_byte_by_byte(self) -> None:
        for data, meaning in REQUESTS:
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

    def test_nothing_counts_behind_a_last_request(self) -> None:
        for data, meaning in LAST_REQUESTS:
            for pieces in whole_and_bytewise(data + NEXT):
                parser = small_parser()
                self.assertEqual(parse(parser, pieces), [meaning], data)
                self.assertTrue(parser.idle)

    def test_errors_have_their_status(self) -> None:
        for data, status in ERRORS:
            for pieces in whole_and_bytewise(data):
                error = self.assertRaises(RequestError, parse, small_parser(), pieces)
                self.assertEqual(error.status, status, (data, error.reason))

    def test_requests_before_an_error_are_delivered(self) -> None:
        for data, status in ERRORS:
            feeding = feed(small_parser(), NEXT + data)
            self.assertEqual(next(feeding), request(b"GET", b"/next"))
            self.assertEqual(self.assertRaises(RequestError, next, feeding).status, status)

    def test_a_request_may_be_asked_for_later(self) -> None:
        parser = small_parser()
        self.assertEqual(next(feed(parser, NEXT * 3)), request(b"GET", b"/next"))
        self.assertFalse(parser.idle)
        self.assertEqual(parser.held, 2 * len(NEXT))
        self.assertEqual(parse(parser, [b""]), [request(b"GET", b"/next")] * 2)
        self.assertEqual(parser.held, 0)

    def test_a_parser_in_a_request_is_not_idle(self) -> None:
        parser = small_parser()
        self.assertEqual(parse(parser, [NEXT + b"G"]), [request(b"GET", b"/next")])
        self.assertFalse(parser.idle)

    def test_hosts_of_all_kinds(self) -> None:
        for host in (b"", b"a_b.example:", b"[::1]:7080", b"192.0.2.1:80", b"xn--4ca.example."):
            data = b"GET / HTTP/1.1\r\nHost: %b\r\n\r\n" % host
            self.assertEqual(parse(small_parser(), [data])[0].head.headers, [(b"Host", host)])

    def test_errors_tell_the_headers_that_had_come(self) -> None:
        origin = b"Origin: https://a.example\r\n"
        for data in (
            GET + origin + b"A: b\r\nno colon\r\n\r\n",
            GET + origin + b"Host: b\r\n\r\n" + NEXT,
            GET + origin + b"Cookie: " + b"x" * 1000,
            POST + origin + b"Transfer-Encoding: chunked\r\n\r\nz\r\n",
        ):
            for pieces in whole_and_bytewise(data):
                error = self.assertRaises(RequestError, parse, small_parser(), pieces)
                self.assertEqual(list(error.headers[:2]), [HOST, (b"Origin", b"https://a.example")])
        parser = small_parser()
        parse(parser, [GET + origin + b"Coo"])
        self.assertEqual(parser.timeout_error().headers, [HOST, (b"Origin", b"https://a.example")])


class LimitTests(TestCase):
    def test_the_limits_allow_what_they_say(self) -> None:
        body = POST + b"Content-Length: 100\r\n\r\n" + b"x" * 100
        head = GET + b"A: "
        head += b"x" * (1000 - len(head) - 4) + b"\r\n\r\n"
        trailer = CHUNKED + b"0\r\nA: "
        trailer += b"x" * (1000 + 3 - len(trailer) - 4) + b"\r\n\r\n"
        fields = GET + b"A: b\r\n" * 9 + b"\r\n"
        for data in (body, head, trailer, fields):
            for pieces in whole_and_bytewise(data):
                self.assertEqual(len(parse(small_parser(), pieces)), 1, data)

    def test_a_body_in_small_chunks_is_no_long_head(self) -> None:
        data = CHUNKED + b"1\r\nx\r\n" * 100_000 + b"0\r\n\r\n"
        self.assertEqual(parse(RequestParser(RequestLimits()), [data])[0].body, b"x" * 100_000)

    def test_a_head_in_pieces_is_as_long_as_a_whole_one(self) -> None:
        data = GET + b"Header: %b\r\n" % (b"x" * 500) * 19 + b"\r\n"
        pieces = [data[at : at + 1400] for at in range(0, len(data), 1400)]
        self.assertEqual(len(parse(RequestParser(RequestLimits()), pieces)), 1)

    def test_a_body_is_not_counted_for_the_next_head(self) -> None:
        data = POST + b"Content-Length: 20000\r\n\r\n" + b"x" * 20_000
        pieces = [data + NEXT[:5], NEXT[5:]]
        self.assertEqual(len(parse(RequestParser(RequestLimits()), pieces)), 2)

    def test_a_length_may_begin_with_any_number_of_zeros(self) -> None:
        data = POST + b"Content-Length: " + b"0" * 5000 + b"3\r\n\r\nabc"
        self.assertEqual(parse(RequestParser(RequestLimits()), [data])[0].body, b"abc")


class TooLongTests(TestCase):
    """Bodies that are too long: their first bytes say whose they are."""

    def test_the_first_bytes_are_enough(self) -> None:
        content = b"<body/>" * 40_000
        heads = [
            POST + b"Content-Length: 280000\r\n\r\n",
            POST + b"Content-Length: 9999999999999999\r\n\r\n",
            CHUNKED + b"445c0\r\n",
            CHUNKED + b"fffffffffffffff\r\n",
        ]
        for head in heads:
            parser = RequestParser(RequestLimits())
            self.assertEqual(parse(parser, [head + content[: TRUNCATED_BODY - 1]]), [], head)
            (found,) = parse(parser, [content[TRUNCATED_BODY - 1 :]])
            self.assertEqual(found.body, content[:TRUNCATED_BODY])
            self.assertTrue(found.truncated)
            self.assertFalse(found.keep_alive)
            self.assertEqual(parse(parser, [content + NEXT]), [])

    def test_chunks_that_add_up_to_too_much(self) -> None:
        chunk = b"1000\r\n" + b"x" * 4096 + b"\r\n"
        for pieces in ([CHUNKED + chunk * 65], [CHUNKED, *[chunk] * 65]):
            (found,) = parse(RequestParser(RequestLimits()), pieces)
            self.assertEqual((found.body, found.truncated), (b"x" * TRUNCATED_BODY, True))

    def test_as_much_as_is_allowed_is_not_truncated(self) -> None:
        for data in (
            POST + b"Content-Length: 262144\r\n\r\n" + b"x" * 262_144,
            CHUNKED + b"40000\r\n" + b"x" * 262_144 + b"\r\n0\r\n\r\n",
        ):
            (found,) = parse(RequestParser(RequestLimits()), [data])
            self.assertEqual((len(found.body), found.truncated), (262_144, False))


class ContinueTests(TestCase):
    EXPECTING = POST + b"Expect: 100-Continue\r\nContent-Length: 2\r\n\r\n"

    def test_who_waits_for_leave_is_known(self) -> None:
        for pieces in whole_and_bytewise(self.EXPECTING):
            parser = small_parser()
            parse(parser, pieces)
            self.assertTrue(parser.expects_continue)

    def test_who_has_sent_some_of_the_body_does_not_wait(self) -> None:
        for pieces in ([self.EXPECTING + b"a"], [self.EXPECTING, b"a"]):
            parser = small_parser()
            parse(parser, pieces)
            self.assertFalse(parser.expects_continue)

    def test_http_1_0_knows_nothing_of_it(self) -> None:
        parser = small_parser()
        parse(parser, [self.EXPECTING.replace(b"HTTP/1.1", b"HTTP/1.0")])
        self.assertFalse(parser.expects_continue)


class Llhttp:
    """The bodies that llhttp would parse; ECM gives it none."""

    def __init__(self) -> None:
        self.bodies: list[bytes] = []
        self._body = b""

    def on_body(self, part: bytes) -> None:
        self._body += part

    def on_message_complete(self) -> None:
        self.bodies.append(self._body)
        self._body = b""


def bodies(data: bytes) -> list[bytes]:
    """Return the bodies that llhttp finds, up to what it takes for an error."""
    found = Llhttp()
    with contextlib.suppress(HttpParserError):
        HttpRequestParser(found).feed_data(data)
    return found.bodies


# Of these chunked bodies are made, right and wrong ones; without white space, which llhttp refuses.
CHUNKS = [b"0", b"1", b"2", b"0a", b"A", b"x", b"ab", b"0123456789", b";", b"=", b'"', b"\\", b":"]
CHUNKS += [b"\r\n", b"\r\n", b"\r\n", b"\n", b"\r", b";a=b\r\n", b"A:b\r\n"]
CHUNKS += [b"1\r\nx\r\n", b"0\r\n\r\n"]


class PropertyTests(TestCase):
    @given(st.lists(st.sampled_from(CHUNKS), max_size=12))
    @settings(max_examples=500)
    def test_what_is_taken_in_chunks_llhttp_takes_too(self, parts: list[bytes]) -> None:
        data = CHUNKED + b"".join(parts) + NEXT
        found: list[bytes] = []
        with contextlib.suppress(RequestError):
            for each in feed(small_parser(), data):
                if not each.truncated:
                    found.append(each.body)
        self.assertEqual(found, bodies(data)[: len(found)], data)

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
                self.assertLessEqual(len(found.head.target), 1000)
        except RequestError as error:
            self.assertIn(error.status, {400, 411, 431, 501, 505})

    @given(st.lists(st.sampled_from(REQUESTS), max_size=8), cuts())
    def test_requests_in_any_pieces_are_the_same(
        self, sent: list[tuple[bytes, Request]], places: list[int]
    ) -> None:
        data = b"".join(data for data, _ in sent)
        found = parse(small_parser(), cut(data, places))
        self.assertEqual(found, [meaning for _, meaning in sent])
