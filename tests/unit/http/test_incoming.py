"""The queue of a connection's requests: no more is parsed than is asked for."""

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import TestCase

from ecm.http.incoming import Incoming
from ecm.http.request import Request, RequestError, RequestLimits
from ecm.http.request_parser import RequestParser
from ecm.limits import PARTIAL_SIZE
from testkit.http_parser import feed
from testkit.samples.http_requests import ERRORS, LAST_REQUESTS, REQUESTS
from testkit.splits import cut, cuts

GET = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"
POST = b"POST /bosh HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\n<a/>"
LIMITS = RequestLimits(max_body=2000)


def taken(incoming: Incoming) -> list[Request | str]:
    """Take all that there is; errors by what they say."""
    found: list[Request | str] = []
    while (arrived := incoming.peek()) is not None or incoming.waits:
        if arrived is None:
            continue
        incoming.pop()
        found.append(arrived if isinstance(arrived, Request) else arrived.reason)
        if isinstance(arrived, RequestError):
            break
    return found


def parsed(data: bytes) -> list[Request | str]:
    """Return the requests that the parser makes of all of it at once."""
    found: list[Request | str] = []
    try:
        found.extend(feed(RequestParser(LIMITS), data))
    except RequestError as error:
        found.append(error.reason)
    return found


def counting(found: list[Request | str]) -> list[Request | str]:
    """Leave out what stands behind a request after which the connection closes."""
    last = [at for at, one in enumerate(found) if isinstance(one, Request) and not one.keep_alive]
    return found[: last[0] + 1] if last else found


class IncomingTests(TestCase):
    def incoming(self, data: bytes) -> Incoming:
        incoming = Incoming(LIMITS)
        incoming.add(data)
        return incoming

    def test_what_nobody_asks_for_stays_bytes(self) -> None:
        for request in (GET, POST):
            data = request * 1000
            incoming = self.incoming(data)
            self.assertLessEqual(incoming.size, len(data))
            for _ in range(100):
                self.assertIsInstance(incoming.peek(), Request)
                incoming.pop()
                self.assertTrue(incoming.waits)
                self.assertLessEqual(incoming.size, len(data) + 2 * PARTIAL_SIZE)

    def test_line_ends_between_requests_are_nothing(self) -> None:
        incoming = self.incoming(b"\r\n\n" * 10)
        self.assertIsNone(incoming.peek())
        self.assertTrue(incoming.empty)
        incoming.add(b"\r\n" + GET + b"\r\n")
        self.assertEqual(len(taken(incoming)), 1)
        self.assertTrue(incoming.empty)

    def test_the_only_request_is_known_to_be_that(self) -> None:
        for data in (GET, POST):
            incoming = self.incoming(data)
            self.assertIs(incoming.only(), incoming.peek())
        for data in (GET + b"G", GET * 2, GET[:-1], POST[:-1], b"nonsense\r\n\r\n"):
            self.assertIsNone(self.incoming(data).only())

    def test_it_is_in_a_head_then_in_a_body_then_empty(self) -> None:
        incoming = self.incoming(POST[:10])
        self.assertIsNone(incoming.peek())
        self.assertEqual((incoming.in_body, incoming.waits, incoming.empty), (False, False, False))
        incoming.add(POST[10:-1])
        self.assertIsNone(incoming.peek())
        self.assertEqual((incoming.in_body, incoming.waits, incoming.empty), (True, False, False))
        self.assertGreater(incoming.size, len(POST) - 1)
        incoming.add(POST[-1:])
        self.assertEqual(len(taken(incoming)), 1)
        self.assertEqual((incoming.in_body, incoming.waits, incoming.empty), (False, False, True))

    def test_behind_an_error_there_is_nothing(self) -> None:
        incoming = self.incoming(GET + b"nonsense\r\n\r\n" + GET)
        self.assertEqual(len(taken(incoming)), 2)
        self.assertTrue(incoming.empty)

    @given(
        st.lists(st.sampled_from([data for data, _ in REQUESTS + LAST_REQUESTS + ERRORS])), cuts()
    )
    def test_it_finds_what_the_parser_finds(self, parts: list[bytes], places: list[int]) -> None:
        data = b"".join(parts)
        incoming = Incoming(LIMITS)
        found: list[Request | str] = []
        for piece in cut(data, places):
            incoming.add(piece)
            found += taken(incoming)
            if found and isinstance(found[-1], str):
                break
        self.assertEqual(counting(found), counting(parsed(data)))
