"""The limits over real sockets: what kernels keep, split and reset is part of what happens."""

import select
import socket
import ssl
import time

from twisted.internet import reactor
from twisted.internet.defer import Deferred, DeferredList, gatherResults
from twisted.internet.endpoints import TCP4ClientEndpoint, connectProtocol
from twisted.internet.task import deferLater
from twisted.internet.threads import deferToThread

from testkit.certificates import make_certificate
from testkit.ecm_process import LOOPBACK, EcmTestCase, Ejabberd, temporary_folder
from testkit.process import Process
from testkit.raw_client import RawClient
from testkit.splits import whole_and_bytewise

POST = b"POST /bosh HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n%b"
PING = POST % (4, b"ping")
LAST = b"POST /bosh HTTP/1.0\r\nContent-Length: 4\r\n\r\nlast"
ANSWER = b"HTTP/1.1 200 OK\r\n"
HOLDS = 30_000  # milliseconds, within which ECM must have cut a connection

# An answer that is more than the kernels between ECM and a client with small buffers take (100 kB),
# and one of which such a client has to read for longer than a second.
LARGE = b"x" * 190_000 + b"</body>"
LARGER = b"x" * 1_000_000 + b"</body>"


class LargeAnswers(Ejabberd):
    """Answers each request with ``body``."""

    body = LARGE

    def answer_to(self, body: bytes) -> bytes:
        return self.body


def connect_small(port: int) -> socket.socket:
    """Connect to 127.0.0.1 so that both kernels keep as little as they can."""
    client = socket.socket()
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    client.setsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG, 536)
    client.settimeout(HOLDS / 1000)
    client.connect(("127.0.0.1", port))
    return client


def is_cut(client: socket.socket) -> bool:
    """Wait until a connection is reset, without a look at what has come; False if it never is."""
    poll = select.poll()
    poll.register(client, 0)  # errors come without being asked for
    return bool(poll.poll(HOLDS))


def read_until(client: socket.socket, end: bytes, pause: float = 0) -> bytes:
    """Read until what has come ends so, or all has come, with a pause before each portion."""
    received = b""
    while not received.endswith(end):
        time.sleep(pause)
        portion = client.recv(16_384)
        if not portion:
            break
        received += portion
    return received


def send_then_read(client: socket.socket, data: bytes) -> bytes:
    """Send all of it before a look at the answer, as simple clients do."""
    client.sendall(data)
    return b"".join(iter(lambda: client.recv(16_384), b""))


class LiveTestCase(EcmTestCase):
    async def start_linked(self, *arguments: str) -> Process:
        """Start ECM, with something that answers behind it."""
        self.ejabberd = await Ejabberd.start(self)
        return await self.start_before(self.ejabberd, *arguments)

    async def start_before(self, ejabberd: Ejabberd, *arguments: str) -> Process:
        ecm = await self.start("--upstream", ejabberd.endpoint, *arguments)
        await ecm.printed("link up")
        return ecm

    async def connect(self, data: bytes, port: int = 0) -> RawClient:
        endpoint = TCP4ClientEndpoint(reactor, "127.0.0.1", port or self.port)
        client: RawClient = await connectProtocol(endpoint, RawClient(data))
        return client

    async def ask(self, data: bytes, port: int = 0) -> bytes:
        """Send bytes on a new connection, and return what has come when it closes."""
        return await (await self.connect(data, port)).closed


class SlowReaderTests(LiveTestCase):
    async def start_large(self, *arguments: str) -> Process:
        """Start ECM with a short time to take answers, which are large."""
        self.answers = await LargeAnswers.start(self)
        times = ("--send-timeout", "1", "--idle-timeout", "86400")
        return await self.start_before(self.answers, *times, *arguments)

    async def test_who_does_not_read_its_answer_is_cut(self) -> None:
        await self.start_large()
        with connect_small(self.port) as client:
            client.sendall(PING)
            self.assertTrue(await deferToThread(is_cut, client))

    async def test_who_does_not_read_it_over_tls_is_cut_too(self) -> None:
        await self.is_cut_over_tls()

    async def test_so_is_who_does_not_over_lean_tls(self) -> None:
        await self.is_cut_over_tls("--lean-tls")

    async def is_cut_over_tls(self, *more: str) -> None:
        certificate = make_certificate(temporary_folder(self))
        listen = ("--listen", certificate.endpoint(), *more)
        ecm = await self.start_large(*listen)
        port = int((await ecm.printed(r"TLS\) starting on ([0-9]+)"))[1])
        trust = ssl.create_default_context(cadata=certificate.ca.decode())
        with connect_small(port) as client:
            secure = await deferToThread(trust.wrap_socket, client, server_hostname="localhost")
            with secure:
                secure.sendall(PING)
                self.assertTrue(await deferToThread(is_cut, secure))

    async def test_who_reads_slowly_is_not_though_it_takes_longer_than_the_time(self) -> None:
        await self.start_large()
        self.answers.body = LARGER
        with connect_small(self.port) as client:
            client.sendall(PING)
            received = await deferToThread(read_until, client, b"</body>", 0.01)
            self.assertTrue(received.startswith(ANSWER), received[:100])
            self.assertTrue(received.endswith(LARGER))
            self.answers.body = b"next</body>"
            client.sendall(PING)
            received = await deferToThread(read_until, client, b"</body>")
            self.assertTrue(received.startswith(ANSWER), received[:100])


class RefusalTests(LiveTestCase):
    """A refusal arrives, though the client has sent what nobody is going to use."""

    async def ask_often(self, data: bytes) -> list[bytes]:
        """Ask on a hundred connections, ten at a time."""
        answers: list[bytes] = []
        for _ in range(10):
            answers += await gatherResults(
                [Deferred.fromCoroutine(self.ask(data)) for _ in range(10)]
            )
        return answers

    async def test_each_connection_too_many_is_told_so(self) -> None:
        await self.start_linked("--max-connections", "2")
        with connect_small(self.port) as first, connect_small(self.port) as second:
            for client in (first, second):
                client.sendall(PING)
                await deferToThread(read_until, client, b"ping")
            for answer in await self.ask_often(POST % (200_000, b"x" * 200_000)):
                self.assertTrue(answer.startswith(b"HTTP/1.1 503 "), answer)
                self.assertIn(b"\r\nRetry-After: ", answer)
                self.assertTrue(answer.endswith(b"Please try again.\n"), answer)

    async def test_a_body_that_is_too_long_is_answered_while_it_is_sent(self) -> None:
        await self.start_linked("--max-body", "1024")
        data = POST % (10**7, b"x" * 10**6)
        for answer in await self.ask_often(data):
            self.assertTrue(answer.startswith(ANSWER), answer)
            self.assertTrue(answer.endswith(b"\r\n\r\n" + b"x" * 1024), answer)
        for answer in await self.ask_often(data.replace(b"/bosh", b"/none")):
            self.assertTrue(answer.startswith(b"HTTP/1.1 413 "), answer)
            self.assertTrue(answer.endswith(b"too long.\n"), answer)

    async def test_so_is_one_that_shows_only_on_the_way_how_long_it_is(self) -> None:
        await self.start_linked("--max-body", "1024")
        head = b"POST /bosh HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
        for answer in await self.ask_often(head + b"400\r\n%b\r\n" % (b"x" * 1024) * 1000):
            self.assertTrue(answer.startswith(ANSWER), answer)

    async def test_a_client_that_reads_only_when_all_is_sent_is_answered_too(self) -> None:
        await self.start_linked("--max-body", "1024")
        with socket.create_connection(("127.0.0.1", self.port)) as client:
            data = POST % (10**7, b"x" * 10**7)
            answer = await deferToThread(send_then_read, client, data)
        self.assertTrue(answer.startswith(ANSWER), answer)


class CrowdTests(LiveTestCase):
    """The memory of all connections together, with the kernels between."""

    async def test_of_many_large_bodies_the_first_are_refused_and_a_small_one_is_not(self) -> None:
        ecm = await self.start_linked("--max-buffered", "1048576", "--max-content", "1048576")
        small = await self.connect(PING[:-1])
        body = b"x" * 200_000
        large = [await self.connect((POST % (len(body), body))[:-1]) for _ in range(20)]
        await ecm.printed("clients held more than 1048576 bytes: ")
        answers = await DeferredList([each.closed for each in large[:10]])
        for _, answer in answers:
            self.assertTrue(answer.startswith(b"HTTP/1.1 408 "), answer)
        small.transport.write(PING[-1:])
        while not small.received.endswith(b"ping"):
            await deferLater(reactor, 0, lambda: None)
        for client in (small, *large):
            client.transport.abortConnection()

    async def test_who_reads_nothing_is_read_no_more_and_misses_nothing(self) -> None:
        await self.start_linked()
        asked = POST % (20_000, b"x" * 19_996 + b"ping")
        with connect_small(self.port) as client:
            client.setblocking(False)
            data, sent = asked * 1000, 0
            while select.select([], [client], [], 1)[1]:
                sent += client.send(data[sent : sent + 100_000])
                await deferLater(reactor, 0, lambda: None)
            self.assertLess(sent, len(data))  # as it would not be if all were read
            client.setblocking(True)
            client.settimeout(HOLDS / 1000)
            received = 0
            whole = sent // len(asked)
            while received < whole * 20_000:
                received += len(await deferToThread(client.recv, 100_000))


class FullLinkTests(LiveTestCase):
    async def post_large(self) -> int:
        status, _ = await self.post("/bosh", LARGE)
        return status

    async def test_an_ejabberd_that_stops_reading_and_goes_on(self) -> None:
        ecm = await self.start_linked("--max-queue", "0", "--queue-timeout", "1")
        self.assertEqual(await self.post_large(), 200)
        self.ejabberd.transport.pauseProducing()
        answers = [Deferred.fromCoroutine(self.post_large()) for _ in range(60)]
        await ecm.printed("link congested")
        status, _ = await DeferredList(answers, fireOnOneCallback=True)
        self.assertEqual(status, 503)
        self.assertEqual(await self.post_large(), 503)
        self.ejabberd.transport.resumeProducing()
        await ecm.printed("link writable again")
        statuses = await gatherResults(answers)
        self.assertEqual(set(statuses), {200, 503})
        self.assertEqual(await self.post_large(), 200)


class ProxyProtocolTests(LiveTestCase):
    """Behind a proxy of bytes, with headers as HAProxy writes them."""

    V1 = b"PROXY TCP4 192.0.2.%d 192.0.2.254 51234 443\r\n"
    V2 = b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\xc0\0\2%c\xc0\0\2\xfe\xc8\x22\1\xbb"

    async def start_proxied(self, *arguments: str) -> int:
        ecm = await self.start_linked("--proxy-protocol", LOOPBACK, *arguments)
        return int((await ecm.printed(r"ProxiedFactory starting on ([0-9]+)"))[1])

    async def ask_in_pieces(self, pieces: list[bytes], port: int) -> bytes:
        client = await self.connect(b"", port)
        client.transport.setTcpNoDelay(True)
        for piece in pieces:
            client.transport.write(piece)
            await deferLater(reactor, 0)  # let the reactor send it
        return await client.closed

    async def test_a_header_in_pieces_and_then_an_exchange(self) -> None:
        port = await self.start_proxied()
        for header in (self.V1 % 1, self.V2 % 1):
            for pieces in whole_and_bytewise(header + PING + LAST):
                answer = await self.ask_in_pieces(pieces, port)
                first, last = answer.split(ANSWER)[1:]
                self.assertTrue(first.endswith(b"ping"), answer)
                self.assertTrue(last.endswith(b"last"), answer)

    async def test_each_client_counts_by_its_own_address(self) -> None:
        port = await self.start_proxied("--max-connections-per-address", "1")
        with socket.create_connection(("127.0.0.1", port)) as client:
            client.sendall(self.V1 % 1 + PING)
            await deferToThread(read_until, client, b"ping")
            for header in (self.V1, self.V2):
                self.assertIn(b"from your address", await self.ask(header % 1 + LAST, port))
                self.assertTrue((await self.ask(header % 2 + LAST, port)).endswith(b"last"))

    async def test_a_client_without_a_header_is_cut(self) -> None:
        port = await self.start_proxied()
        self.assertEqual(await self.ask(LAST, port), b"")
