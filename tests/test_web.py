"""Static files beside BOSH, on one port and on one connection; over real sockets."""

from pathlib import Path
from tempfile import TemporaryDirectory

from treq import content
from treq.client import HTTPClient
from twisted.internet import reactor
from twisted.internet.endpoints import TCP4ClientEndpoint, connectProtocol
from twisted.trial.unittest import TestCase
from twisted.web.client import Agent, HTTPConnectionPool

from ecm.packet import PacketDecoder
from ecm.web import WebPages
from tests.joined import FIRST_ID, Joined
from tests.raw_client import RawClient
from tests.serving import serve

LARGE = b"0123456789abcdef" * 65_536


class LeavingClient(RawClient):
    """Closes the connection as soon as something has come."""

    def dataReceived(self, data: bytes) -> None:
        self.transport.abortConnection()


class WebTests(TestCase):
    async def setUp(self) -> None:  # type: ignore[override]
        folder = Path(self.enterContext(TemporaryDirectory())) / "www"
        (folder / "folder").mkdir(parents=True)
        (folder / "index.html").write_bytes(b"<p>page</p>")
        (folder / "large.bin").write_bytes(LARGE)
        (folder / ".hidden").write_bytes(b"secret")
        (folder.parent / "outside").write_bytes(b"secret")
        self.ids: set[int] = set()
        self.ecm = Joined(WebPages(str(folder)))
        self.port = await serve(self, self.ecm.clients)
        pool = HTTPConnectionPool(reactor)
        pool.maxPersistentPerHost = 1
        self.addCleanup(pool.closeCachedConnections)
        self.http = HTTPClient(Agent(reactor, pool=pool))

    def url(self, path: str) -> str:
        return f"http://127.0.0.1:{self.port}{path}"

    async def raw(self, data: bytes) -> bytes:
        """Send bytes, and return all that comes back until the connection closes."""
        endpoint = TCP4ClientEndpoint(reactor, "127.0.0.1", self.port)
        client: RawClient = await connectProtocol(endpoint, RawClient(data))
        return await client.closed

    async def get(
        self, path: str, method: str = "GET", data: bytes | None = None
    ) -> tuple[int, bytes]:
        response = await self.http.request(method, self.url(path), data=data)
        return response.code, await content(response)

    async def test_a_folder_gives_its_index(self) -> None:
        self.assertEqual(await self.get("/"), (200, b"<p>page</p>"))

    async def test_a_large_file_comes_whole(self) -> None:
        self.assertEqual(await self.get("/large.bin"), (200, LARGE))

    async def test_only_files_of_the_folder_are_found(self) -> None:
        for path in (
            *("/none", "/folder/", "/.hidden", "/folder/../.hidden", "/folder/..%2f.hidden"),
            *("/../outside", "/%2e%2e/outside", "/..%2foutside", "/%00", "/%ff", "/" + "x" * 5000),
        ):
            self.assertEqual((await self.get(path))[0], 404, path)

    async def test_files_are_only_for_reading(self) -> None:
        self.assertEqual((await self.get("/index.html", "POST", data=b"x"))[0], 405)

    async def test_a_page_and_its_chat_share_one_connection(self) -> None:
        self.patch(self.ecm.link_transport, "write", self._echo)
        for number in range(3):
            self.assertEqual((await self.get("/"))[0], 200)
            body = b"<body rid='%d'/>" % number
            self.assertEqual(await self.get("/http-bind", "POST", data=body), (200, body))
        self.assertEqual(self.ids, {FIRST_ID})

    def _echo(self, data: bytes) -> None:
        self.ids.update(connection_id for connection_id, _ in PacketDecoder().feed(data))
        reactor.callLater(0, self.ecm.link.dataReceived, data)

    async def test_a_client_may_leave_in_the_middle_of_a_file(self) -> None:
        endpoint = TCP4ClientEndpoint(reactor, "127.0.0.1", self.port)
        leaving = LeavingClient(b"GET /large.bin HTTP/1.1\r\n\r\n")
        await (await connectProtocol(endpoint, leaving)).closed
        self.assertEqual(await self.get("/"), (200, b"<p>page</p>"))

    async def test_http_1_0_gets_its_page(self) -> None:
        answer = await self.raw(b"GET / HTTP/1.0\r\n\r\n")
        self.assertTrue(answer.startswith(b"HTTP/1.1 200 OK\r\nConnection: close\r\n"), answer)
        self.assertTrue(answer.endswith(b"\r\n\r\n<p>page</p>"), answer)

    async def test_pipelined_pages_come_in_order(self) -> None:
        request = b"GET /%b HTTP/1.1\r\n%b\r\n"
        paths = [b"large.bin", b"none", b"index.html"] * 10
        last = request % (b"", b"Connection: close\r\n")
        answer = await self.raw(b"".join(request % (path, b"") for path in paths) + last)
        self.assertEqual(answer.count(b"HTTP/1.1 200 OK"), 21)
        self.assertEqual(answer.count(b"HTTP/1.1 404 Not Found"), 10)
        self.assertTrue(answer.endswith(b"<p>page</p>"))
