"""BOSH over https, with a certificate that a CA of the test has signed."""

import re
import signal
import ssl

from treq import content
from treq.client import HTTPClient
from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import TCP4ClientEndpoint, connectProtocol, wrapClientTLS
from twisted.internet.ssl import (
    Certificate,
    TLSVersion,
    optionsForClientTLS,
    trustRootFromCertificates,
)
from twisted.internet.threads import deferToThread
from twisted.web.client import (
    Agent,
    BrowserLikePolicyForHTTPS,
    HTTPConnectionPool,
    ResponseNeverReceived,
)

from testkit import browser
from testkit.certificates import make_certificate
from testkit.ecm_process import EcmTestCase, Ejabberd, start_ecm, temporary_folder
from testkit.process import Process
from testkit.raw_client import RawClient
from testkit.tls_program import talk
from testkit.workers_case import Links

POST = b"POST /bosh HTTP/1.1\r\nHost: localhost\r\n%bContent-Length: %d\r\n\r\n%b"
CLOSE = b"Connection: close\r\n"

# Asks twice, so that the second request can go over the connection of the first.
ASK = """
(async () => {
  const asked = [];
  for (const body of ["<first/>", "<second/>"]) {
    const response = await fetch("/bosh", { method: "POST", body });
    asked.push(`${response.status} ${await response.text()}`);
  }
  document.body.dataset.asked = asked.join(", ");
})()
"""


class TalkingClient(RawClient):
    """A client that says when something has come."""

    def __init__(self, data: bytes) -> None:
        super().__init__(data)
        self._awaited = b""
        self._came: Deferred[None] | None = None

    async def until(self, awaited: bytes) -> None:
        """Wait until all that has come ends with these bytes."""
        self._awaited, self._came = awaited, Deferred()
        self._look()
        await self._came

    def dataReceived(self, data: bytes) -> None:
        super().dataReceived(data)
        self._look()

    def _look(self) -> None:
        if self._came is not None and self.received.endswith(self._awaited):
            came, self._came = self._came, None
            came.callback(None)


def client_hello() -> bytes:
    """Return the first bytes of a TLS client."""
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    connection = ssl.create_default_context().wrap_bio(
        incoming, outgoing, server_hostname="localhost"
    )
    try:
        connection.do_handshake()
    except ssl.SSLWantReadError:
        return outgoing.read()
    raise AssertionError("there is nobody to shake hands with")


class TlsTestCase(EcmTestCase):
    options: tuple[str, ...] = ()

    def setUp(self) -> None:
        self.folder = temporary_folder(self)
        self.certificate = make_certificate(self.folder)
        self.authority = Certificate.loadPEM(self.certificate.ca)

    async def start_tls(self, *arguments: str) -> Process:
        """Start ECM with a plain port and one for TLS, and something that answers behind it."""
        self.ejabberd = await Ejabberd.start(self)
        return await self.start_before(self.ejabberd.endpoint, *arguments)

    async def start_before(self, upstream: str, *arguments: str, workers: int = 1) -> Process:
        """Start ECM with a plain port and one for TLS, and wait until each worker has its link."""
        ecm = await self.start(
            *("--upstream", upstream, "--listen", self.certificate.endpoint()),
            *("--workers", str(workers), *self.options, *arguments),
        )
        self.tls_port = int((await ecm.printed(r"TLS\) starting on ([0-9]+)"))[1])
        await ecm.printed("link up", workers)
        return ecm

    async def connect(self, data: bytes) -> TalkingClient:
        """Connect to the port for TLS, without any."""
        endpoint = TCP4ClientEndpoint(reactor, "127.0.0.1", self.tls_port)
        client: TalkingClient = await connectProtocol(endpoint, TalkingClient(data))
        return client

    async def connect_tls(self, data: bytes, *protocols: bytes) -> TalkingClient:
        """Connect with TLS; ``protocols`` are those that the client offers (RFC 7301, ALPN)."""
        endpoint = TCP4ClientEndpoint(reactor, "127.0.0.1", self.tls_port)
        options = optionsForClientTLS(
            "localhost", self.authority, acceptableProtocols=protocols or None
        )
        client: TalkingClient = await connectProtocol(
            wrapClientTLS(options, endpoint), TalkingClient(data)
        )
        return client

    def http(self, *authorities: Certificate) -> HTTPClient:
        """A client that trusts these authorities and no other."""
        pool = HTTPConnectionPool(reactor)
        self.addCleanup(pool.closeCachedConnections)
        policy = BrowserLikePolicyForHTTPS(trustRootFromCertificates(authorities))
        return HTTPClient(Agent(reactor, policy, pool=pool))


class ExchangeTests(TlsTestCase):
    async def test_a_client_that_trusts_the_authority_is_answered(self) -> None:
        await self.start_tls()
        http = self.http(self.authority)
        for host in ("127.0.0.1", "localhost"):
            url = f"https://{host}:{self.tls_port}/bosh"
            for body in (b"<body/>", b"x" * 100_000):
                response = await http.post(url, data=body)
                self.assertEqual((response.code, await content(response)), (200, body))

    async def test_one_that_does_not_goes_away(self) -> None:
        ecm = await self.start_tls()
        with self.assertRaises(ResponseNeverReceived):
            await self.http().post(f"https://localhost:{self.tls_port}/bosh", data=b"")
        await ecm.stop()
        self.assertNotIn("Traceback", ecm.output)

    async def test_a_connection_serves_until_the_client_has_said_close(self) -> None:
        await self.start_tls()
        client = await self.connect_tls(POST % (b"", 5, b"first"))
        await client.until(b"first")
        client.transport.write(POST % (CLOSE, 4, b"last"))
        received = await client.closed
        self.assertEqual(received.count(b"HTTP/1.1 200 OK\r\n"), 2)
        self.assertEqual(received.count(b"Connection: close\r\n"), 1)
        self.assertTrue(received.endswith(b"last"))

    async def test_one_that_offers_http2_too_is_answered_in_http_1_1(self) -> None:
        await self.start_tls()
        client = await self.connect_tls(POST % (CLOSE, 4, b"last"), b"h2", b"http/1.1")
        self.assertTrue((await client.closed).startswith(b"HTTP/1.1 200 OK\r\n"))

    async def test_pipelined_requests_are_answered_in_their_order(self) -> None:
        await self.start_tls()
        client = await self.connect_tls(POST % (b"", 5, b"first") + POST % (CLOSE, 4, b"last"))
        first, last = (await client.closed).split(b"HTTP/1.1 200 OK\r\n")[1:]
        self.assertTrue(first.endswith(b"first"))
        self.assertTrue(last.endswith(b"last"))

    async def test_the_answer_to_a_body_that_is_too_long_arrives(self) -> None:
        await self.start_tls("--max-body", "1024")
        client = await self.connect_tls(POST % (b"", 10**7, b"x" * 10**6))
        answer = await client.closed
        self.assertTrue(answer.startswith(b"HTTP/1.1 200 OK\r\n"), answer)
        self.assertTrue(answer.endswith(b"\r\n\r\n" + b"x" * 1024), answer)

    async def test_one_connection_too_many_is_told_so(self) -> None:
        await self.start_tls("--max-connections", "1")
        first = await self.connect_tls(POST % (b"", 5, b"first"))
        await first.until(b"first")
        second = await self.connect_tls(POST % (b"", 6, b"second"))
        self.assertTrue((await second.closed).startswith(b"HTTP/1.1 503 "))
        first.transport.loseConnection()
        await first.closed

    async def test_what_is_in_flight_is_answered_when_ecm_stops(self) -> None:
        ecm = await self.start_tls()
        self.ejabberd.holds = True
        client = await self.connect_tls(POST % (b"", 4, b"last"))
        await self.ejabberd.asked
        ecm.signal(signal.SIGTERM)
        await ecm.printed("stopping: ")
        self.ejabberd.answer()
        self.assertTrue((await client.closed).endswith(b"last"))
        self.assertEqual(await ecm.ended, -signal.SIGTERM)

    async def test_certificates_can_be_those_of_a_folder(self) -> None:
        await self.start_tls("--listen", f"tls:{self.folder}:port=0:interface=127.0.0.1")
        url = f"https://localhost:{self.tls_port}/bosh"
        response = await self.http(self.authority).post(url, data=b"<body/>")
        self.assertEqual((response.code, await content(response)), (200, b"<body/>"))


class LeanExchangeTests(ExchangeTests):
    options = ("--lean-tls",)

    async def test_keys_are_updated_by_both(self) -> None:
        """By OpenSSL's client, and because it asks for it."""
        await self.start_tls()
        ca = self.folder / "ca.pem"
        ca.write_bytes(self.certificate.ca)
        command = f"openssl s_client -connect 127.0.0.1:{self.tls_port} -CAfile {ca} -tls1_3"
        renewals = [(letter + b"\n", "KEYUPDATE") for letter in (b"K", b"k", b"K", b"K", b"k")]
        said = await deferToThread(talk, command.split(), renewals)
        self.assertEqual(said.count("HTTP/1.1 200 OK"), 6, said)
        self.assertEqual(said.count("KEYUPDATE"), 5, said)

    async def test_a_client_with_tls_1_2_is_served_too(self) -> None:
        await self.start_tls()
        self.assertTrue((await self.asked_with_tls_1_2()).endswith(b"last"))

    async def test_it_is_refused_where_clients_need_a_newer_one(self) -> None:
        links = await Links.start(self)
        links.answers = True
        for workers in (1, 2):
            await self.start_before(links.endpoint, "--tls-minimum", "1.3", workers=workers)
            self.assertEqual(await self.asked_with_tls_1_2(), b"")
            url = f"https://localhost:{self.tls_port}/bosh"
            response = await self.http(self.authority).post(url, data=b"<body/>")
            self.assertEqual(await content(response), b"<body/>")

    async def asked_with_tls_1_2(self) -> bytes:
        """Return what a client gets that speaks nothing newer."""
        options = optionsForClientTLS(
            "localhost",
            self.authority,
            extraCertificateOptions={"lowerMaximumSecurityTo": TLSVersion.TLSv1_2},
        )
        endpoint = TCP4ClientEndpoint(reactor, "127.0.0.1", self.tls_port)
        asked = TalkingClient(POST % (b"", 5, b"first") + POST % (CLOSE, 4, b"last"))
        client: TalkingClient = await connectProtocol(wrapClientTLS(options, endpoint), asked)
        answered: bytes = await client.closed
        return answered


class NoTlsTests(TlsTestCase):
    """Connections without TLS, or with less than a handshake."""

    async def test_plain_http_on_the_port_for_tls_is_closed_without_an_answer(self) -> None:
        ecm = await self.start_tls()
        client = await self.connect(POST % (b"", 7, b"<body/>"))
        self.assertNotIn(b"HTTP", await client.closed)
        await ecm.stop()
        self.assertNotIn("Traceback", ecm.output)
        self.assertRegex(ecm.output, "ECM stopped: (?!.*requests=)")

    async def test_tls_on_the_plain_port_is_no_http(self) -> None:
        await self.start_tls()
        self.tls_port = self.port
        client = await self.connect(client_hello())
        self.assertTrue((await client.closed).startswith(b"HTTP/1.1 400 "))

    async def test_who_stops_in_the_middle_of_the_handshake_is_cut(self) -> None:
        folder = ("--listen", f"tls:{self.folder}:port=0:interface=127.0.0.1")
        ecm = await self.start_tls("--header-timeout", "1", *folder)
        hello = client_hello()
        ports = re.findall(r"TLS\) starting on ([0-9]+)", ecm.output)
        self.assertEqual(len(ports), 2)
        for self.tls_port in map(int, ports):
            for said in (b"", hello[: len(hello) // 2], hello):
                client = await self.connect(said)
                self.assertNotIn(b"HTTP", await client.closed)
        await ecm.stop()
        self.assertNotIn("Traceback", ecm.output)

    async def test_who_stops_there_holds_up_no_end(self) -> None:
        ecm = await self.start_tls()
        client = await self.connect(client_hello())
        await ecm.stop()
        await client.closed
        self.assertNotIn("Traceback", ecm.output)

    async def test_without_a_key_ecm_does_not_start(self) -> None:
        ecm = start_ecm(self, "--listen", "ssl:0:privateKey=/no/key.pem")
        self.assertEqual(await ecm.ended, 1)
        self.assertRegex(ecm.output, r"\Atwistd ecm: --listen ssl:.*no/key\.pem.*\n\Z")


class LeanNoTlsTests(NoTlsTests):
    options = ("--lean-tls",)


class BrowserTests(TlsTestCase):
    async def test_a_page_and_its_requests_come_over_https(self) -> None:
        (self.folder / "www").mkdir()
        (self.folder / "www/index.html").write_text("<title>Secure</title><p>page")
        await self.start_tls("--www", str(self.folder / "www"))
        trust = f"--ignore-certificate-errors-spki-list={self.certificate.spki}"
        self.patch(browser, "FLAGS", (*browser.FLAGS, trust))
        asked = await deferToThread(self.browse, f"https://localhost:{self.tls_port}/")
        self.assertEqual(asked, "200 <first/>, 200 <second/>")

    def browse(self, page: str) -> object:
        """Open a page in a browser that knows the server's key, and let it ask."""
        chromium = browser.Browser()
        try:
            chromium.open(page)
            chromium.wait("document.title === 'Secure' && isSecureContext")
            chromium.value(ASK)
            chromium.wait("document.body.dataset.asked")
            return chromium.value("document.body.dataset.asked")
        finally:
            chromium.stop()


class LeanBrowserTests(BrowserTests):
    options = ("--lean-tls",)
