"""The CORS headers of every answer, which let pages use BOSH."""

from twisted.trial.unittest import TestCase

from ecm.frontend.settings import FrontendSettings
from ecm.http.cors import Cors
from ecm.limits import TRUNCATED_BODY
from testkit.in_memory import FIRST_ID, PATHS, Joined

LISTED = b"Origin: https://chat.example\r\n"
OTHER = b"Origin: https://other.example\r\n"
ALLOWED = b"\r\nAccess-Control-Allow-Origin: https://chat.example\r\nVary: Origin\r\n"


class CorsTests(TestCase):
    def setUp(self) -> None:
        cors = Cors(
            origins=frozenset({b"https://chat.example", b"https://www.example"}),
            credentials=True,
            headers=(b"X-Token",),
        )
        self.ecm = Joined(settings=FrontendSettings(PATHS, cors=cors))
        self.client = self.ecm.client()

    def test_a_listed_origin_is_echoed(self) -> None:
        self.client.post(b"", more=LISTED)
        self.ecm.answer(FIRST_ID, b"")
        written = self.client.transport.written()
        self.assertIn(ALLOWED + b"Access-Control-Allow-Credentials: true\r\n", written)

    def test_another_origin_is_not_and_caches_are_told(self) -> None:
        for more in (OTHER, b"Origin: null\r\n", b""):
            written = self.client.send(
                b"OPTIONS /http-bind HTTP/1.1\r\nHost: a\r\n" + more + b"\r\n"
            )
            self.assertIn(b"\r\nVary: Origin\r\n", written)
            self.assertNotIn(b"Access-Control-Allow-Origin", written)

    def test_leave_names_the_headers_that_may_be_set(self) -> None:
        written = self.client.send(b"OPTIONS /http-bind HTTP/1.1\r\nHost: a\r\n" + LISTED + b"\r\n")
        self.assertIn(b"\r\nAccess-Control-Allow-Headers: Content-Type, X-Token\r\n", written)
        self.assertIn(ALLOWED, written)

    def test_every_answer_of_a_bosh_path_has_them(self) -> None:
        head = b"%b /http-bind HTTP/1.1\r\nHost: a\r\n" + LISTED
        requests = [
            head % b"GET" + b"\r\n",
            head % b"HEAD" + b"\r\n",
            head % b"PUT" + b"\r\n",
            head % b"POST" + b"\r\n",
            head % b"PUT" + b"Content-Length: 1000000\r\n\r\n" + b"x" * TRUNCATED_BODY,
            head % b"POST" + b"Transfer-Encoding: gzip\r\n\r\n",
            head % b"POST" + b"A: b\r\nno colon\r\n\r\n",
            head % b"POST" + b"Content-Length: 3\r\n\r\nabc",
        ]
        self.ecm.link_down()
        self.ecm.pool.drain()  # nobody waits for a link
        statuses = []
        for request in requests:
            written = self.ecm.client().send(request)
            self.assertIn(ALLOWED, written)
            statuses.append(int(written[9:12]))
        self.assertEqual(statuses, [200, 200, 405, 411, 413, 501, 400, 503])

    def test_408_has_them_too(self) -> None:
        self.client.send(
            b"POST /http-bind HTTP/1.1\r\nHost: a\r\n" + LISTED + b"Content-Length: 3\r\n\r\n"
        )
        self.ecm.pass_time(60)
        written = self.client.transport.written()
        self.assertIn(b" 408 ", written)
        self.assertIn(ALLOWED, written)
