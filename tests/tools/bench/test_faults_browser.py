"""The connections of the users of the lab: two for each, used again, and lost."""

import socket
from contextlib import closing

from twisted.trial.unittest import SynchronousTestCase

from bench.faults.browser import Browser
from bench.faults.strophe import Request
from bench.faults.user import User
from ecm.tools.bosh.http import Answer

ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\n<body/>"
TIMEOUT = 10.0  # seconds


class Page:
    """Keeps what comes of the requests."""

    def __init__(self) -> None:
        self.answers: list[tuple[bytes, int]] = []
        self.failures: list[tuple[bytes, str]] = []

    def answered(self, user: User, request: Request, answer: Answer) -> None:
        self.answers.append((request.body, answer.status))

    def failed(self, user: User, request: Request, kind: str) -> None:
        self.failures.append((request.body, kind))


class BrowserTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.server = self.enterContext(closing(socket.create_server(("127.0.0.1", 0))))
        self.server.settimeout(TIMEOUT)
        self.page = Page()
        self.browser = Browser(self.server.getsockname()[1], self.page)
        self.user = User(0)
        self.addCleanup(self.browser.close, self.user)

    def ask(self, body: bytes) -> Request:
        request = Request(body, 1, (), 0)
        self.browser.send(self.user, request)
        return request

    def accept(self) -> socket.socket:
        connection, _ = self.server.accept()
        connection.settimeout(TIMEOUT)
        return self.enterContext(closing(connection))

    def reads(self, connection: socket.socket, body: bytes) -> None:
        data = b""
        while not data.endswith(body):
            self.browser.wait()  # the rest may wait for the connection
            more = connection.recv(4096)
            self.assertNotEqual(more, b"")
            data += more

    def until(self, what: list[tuple[bytes, int]] | list[tuple[bytes, str]], count: int) -> None:
        while len(what) < count:
            self.browser.wait()

    def is_answered(self, connection: socket.socket, body: bytes) -> None:
        self.reads(connection, body)
        before = len(self.page.answers)
        connection.sendall(ANSWER)
        self.until(self.page.answers, before + 1)
        self.assertEqual(self.page.answers[-1], (body, 200))

    def test_a_connection_is_used_again(self) -> None:
        self.ask(b"one")
        connection = self.accept()
        self.is_answered(connection, b"one")
        self.ask(b"two")
        self.is_answered(connection, b"two")

    def test_two_requests_have_two_connections(self) -> None:
        self.ask(b"one")
        self.ask(b"two")
        first, second = self.accept(), self.accept()
        self.is_answered(second, b"two")
        self.is_answered(first, b"one")

    def test_an_answer_may_come_byte_by_byte(self) -> None:
        self.ask(b"one")
        connection = self.accept()
        self.reads(connection, b"one")
        for place in range(len(ANSWER)):
            connection.sendall(ANSWER[place : place + 1])
            self.browser.wait()
        self.until(self.page.answers, 1)

    def test_a_request_on_a_new_connection_that_is_closed_has_failed(self) -> None:
        self.ask(b"one")
        self.accept().close()
        self.until(self.page.failures, 1)
        self.assertEqual(self.page.failures[0][0], b"one")
        self.assertEqual(self.user.lines, {})

    def test_a_request_that_crosses_the_end_of_its_connection_is_repeated(self) -> None:
        self.ask(b"one")
        connection = self.accept()
        self.is_answered(connection, b"one")
        connection.close()
        self.ask(b"two")
        self.browser.wait()
        self.is_answered(self.accept(), b"two")
        self.assertEqual(self.page.failures, [])

    def test_a_request_that_is_aborted_has_no_connection(self) -> None:
        request = self.ask(b"one")
        connection = self.accept()
        self.browser.abort(self.user, request)
        self.assertEqual(self.user.lines, {})
        connection.recv(4096)
        self.assertEqual(connection.recv(1), b"")

    def test_who_is_refused_has_failed(self) -> None:
        self.server.close()
        self.ask(b"one")
        self.until(self.page.failures, 1)
        self.assertEqual(self.page.failures, [(b"one", "refused")])

    def test_what_is_not_http_has_failed(self) -> None:
        self.ask(b"one")
        connection = self.accept()
        connection.sendall(b"SSH-2.0\r\n\r\n")
        self.until(self.page.failures, 1)
        self.assertEqual(self.page.failures, [(b"one", "not HTTP")])

    def test_who_is_mute_reads_later(self) -> None:
        self.ask(b"one")
        connection = self.accept()
        self.reads(connection, b"one")
        self.browser.mute(self.user, True)
        connection.sendall(ANSWER)
        self.browser.wait()
        self.assertEqual(self.page.answers, [])
        self.browser.mute(self.user, False)
        self.until(self.page.answers, 1)
