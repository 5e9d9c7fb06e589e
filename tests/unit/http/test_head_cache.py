"""Requests whose heads are known: the same as if they were parsed."""

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import TestCase

from ecm.http import head_cache as heads
from ecm.http.head_cache import HeadCache
from ecm.http.request import Request, RequestLimits
from ecm.http.request_parser import RequestParser
from ecm.limits import MAX_CACHED_HEAD
from testkit.http_parser import parse
from testkit.in_memory import Joined
from testkit.samples.http_requests import ERRORS, LAST_REQUESTS, REQUESTS
from testkit.splits import cut, cuts
from testkit.traced_memory import traced

HEAD = b"POST /http-bind HTTP/1.1\r\nHost: a\r\nContent-Length: 7\r\n\r\n"
POST = HEAD + b"<body/>"
BOSH = [
    POST,
    HEAD + b"another",
    HEAD.replace(b"7", b"0"),
    HEAD.replace(b"Host: a", b"Expect: 100-continue") + b"<body/>",
    b"GET /http-bind HTTP/1.1\r\nHost: a\r\n\r\n",
    b"HEAD /elsewhere HTTP/1.1\r\nHost: a\r\n\r\n",
]
SENT = [*BOSH, *(data for data, _ in [*REQUESTS, *LAST_REQUESTS, *ERRORS])]


def parsed(data: bytes) -> Request:
    (request,) = parse(RequestParser(RequestLimits()), [data])
    return request


SIZE = 1900


def long_get(number: int, fields: int) -> bytes:
    """A request with so many fields and a head of SIZE bytes, about."""
    value = b"x" * (SIZE // fields - 9)
    return b"GET /%d HTTP/1.1\r\nHost: a\r\n" % number + b"Name: %b\r\n" % value * fields + b"\r\n"


def after(data: bytes) -> HeadCache:
    """Return the cache after one request."""
    known = HeadCache()
    known.add(data, parsed(data))
    return known


class KnowsNothing(HeadCache):
    def get(self, data: bytes) -> Request | None:
        return None


class HeadCacheTests(TestCase):
    def test_a_request_is_returned_with_its_own_body(self) -> None:
        self.assertEqual(after(POST).get(HEAD + b"another"), parsed(HEAD + b"another"))

    def test_only_what_is_exactly_one_request_is_returned(self) -> None:
        known = after(POST)
        for end in range(len(POST)):
            self.assertIsNone(known.get(POST[:end]), end)
        for more in (b"\r\n", b"x", POST):
            self.assertIsNone(known.get(POST + more))

    def test_a_head_without_a_body_has_to_be_whole(self) -> None:
        whole = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"
        known = after(whole)
        self.assertIsNotNone(known.get(whole))
        self.assertIsNone(known.get(whole[:-4]))

    def test_another_head_is_not_known(self) -> None:
        self.assertIsNone(after(POST).get(POST.replace(b"Host: a", b"Host: b")))

    def test_what_is_chunked_is_not_kept(self) -> None:
        data = b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
        known = HeadCache()
        known.add(data, Request(parsed(data).head, b"0\r\n\r\n"))
        self.assertIsNone(known.get(data))

    def test_a_head_that_another_parser_would_end_earlier_is_not_kept(self) -> None:
        data = b"GET / HTTP/1.1\n\nGET / HTTP/1.1\r\nHost: a\r\n\r\n"
        known = HeadCache()
        known.add(data, parsed(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"))
        self.assertIsNone(known.get(data))

    def test_long_heads_are_not_kept(self) -> None:
        def get(size: int) -> bytes:
            start = b"GET / HTTP/1.1\r\nHost: a\r\nCookie: "
            return start + b"x" * (size - len(start)) + b"\r\n\r\n"

        self.assertIsNotNone(after(get(MAX_CACHED_HEAD)).get(get(MAX_CACHED_HEAD)))
        self.assertIsNone(after(get(MAX_CACHED_HEAD + 1)).get(get(MAX_CACHED_HEAD + 1)))

    def test_only_so_much_memory_is_taken(self) -> None:
        most = 100_000
        self.patch(heads, "MAX_CACHED_HEADS", most)
        for fields in (1, 13, 60):
            known = HeadCache()
            with traced() as taken:
                for number in range(200):
                    data = long_get(number, fields)
                    known.add(data, parsed(data))
                    self.assertIsNotNone(known.get(data))
                    self.assertLess(taken(), 1.1 * most)
                self.assertGreater(taken(), 0.4 * most)

    def test_what_is_used_stays_whatever_else_comes(self) -> None:
        self.patch(heads, "MAX_CACHED_HEADS", 100_000)
        known = after(POST)
        for number in range(200):
            data = long_get(number, 13)
            known.add(data, parsed(data))
            if number % 5 == 0:
                self.assertIsNotNone(known.get(POST), number)
        self.assertIsNone(known.get(long_get(0, 13)))


class SameTests(TestCase):
    """A client is answered the same, whatever is known of what it sends."""

    def setUp(self) -> None:
        self.knows, self.parses = Joined(), Joined()
        self.parses.registry.head_cache = KnowsNothing()
        for data in SENT:
            self.said(self.knows, [data])

    def said(self, ecm: Joined, pieces: list[bytes]) -> tuple[list[bytes], bytes, bool]:
        """Return what ejabberd gets of a client that sends this, and what the client gets."""
        client, bodies = ecm.client(), []
        written = b"".join(map(client.send, pieces))
        while packets := ecm.received():
            bodies += [body for _, body in packets]
            for connection_id, body in packets:
                ecm.answer(connection_id, b"to " + body)
        written += client.transport.written()
        ended = client.ended
        client.leave()
        return bodies, written, ended

    @given(st.lists(st.sampled_from(SENT), max_size=5), cuts())
    def test_requests_in_any_pieces(self, sent: list[bytes], places: list[int]) -> None:
        pieces = list(cut(b"".join(sent), places))
        self.assertEqual(self.said(self.knows, pieces), self.said(self.parses, pieces))

    @given(st.lists(st.sampled_from(SENT), min_size=1, max_size=5))
    def test_requests_one_by_one(self, sent: list[bytes]) -> None:
        self.assertEqual(self.said(self.knows, sent), self.said(self.parses, sent))
