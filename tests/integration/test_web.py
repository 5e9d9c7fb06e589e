"""Static files beside BOSH, on one port and on one connection; over real sockets."""

import errno
import os
from pathlib import Path
from tempfile import TemporaryDirectory

from treq import content
from treq.client import HTTPClient
from twisted.internet import reactor
from twisted.internet.address import IPv4Address
from twisted.internet.endpoints import TCP4ClientEndpoint, connectProtocol
from twisted.trial.unittest import TestCase
from twisted.web.client import Agent, HTTPConnectionPool
from twisted.web.http_headers import Headers
from twisted.web.iweb import IResponse

from ecm.frontend.static import handler
from ecm.frontend.static.files import OpenFile
from ecm.frontend.static.handler import StaticHandler
from ecm.limits import MAX_OPEN_PAGES
from ecm.link.packet import PacketDecoder
from testkit.in_memory import FIRST_ID, Client, Joined
from testkit.on_port import serve
from testkit.process import open_files
from testkit.raw_client import RawClient

LARGE = b"0123456789abcdef" * 65_536


class LeavingClient(RawClient):
    """Closes the connection as soon as something has come."""

    def dataReceived(self, data: bytes) -> None:
        self.transport.abortConnection()


class SlowClient(Client):
    """Takes what it is sent only when it is told to."""

    def __init__(self, ecm: Joined) -> None:
        protocol = ecm.clients.buildProtocol(IPv4Address("TCP", "192.0.2.1", 51234))
        assert protocol is not None
        super().__init__(protocol, ecm.reactor, "192.0.2.1")
        self.transport.stuck = True

    def take_all(self) -> bytes:
        """Take everything, until nothing more comes."""
        taken = b""
        while self.transport.watcher is not None:
            self.transport.unstick()
            taken += self.transport.written()
        return taken


class WebTests(TestCase):
    async def setUp(self) -> None:  # type: ignore[override]
        self.folder = folder = Path(self.enterContext(TemporaryDirectory())) / "www"
        (folder / "folder").mkdir(parents=True)
        (folder / "index.html").write_bytes(b"<p>page</p>")
        (folder / "large.bin").write_bytes(LARGE)
        (folder / ".hidden").write_bytes(b"secret")
        (folder.parent / "outside").write_bytes(b"secret")
        self.ids: set[int] = set()
        self.ecm = Joined(StaticHandler(str(folder)))
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

    async def ask(self, path: str, method: str = "GET", **headers: str) -> tuple[IResponse, bytes]:
        """Ask, and return the response and what came; names of headers have _ for -."""
        named = Headers({name.replace("_", "-"): [value] for name, value in headers.items()})
        response = await self.http.request(method, self.url(path), headers=named)
        return response, await content(response)

    async def headers(self, path: str, *names: str) -> list[list[str] | None]:
        response, _ = await self.ask(path)
        return [response.headers.getRawHeaders(name) for name in names]

    async def test_options_of_the_server_are_not_those_of_a_file(self) -> None:
        head = b" * HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
        written = await self.raw(b"OPTIONS" + head)
        self.assertTrue(written.startswith(b"HTTP/1.1 200 OK\r\n"), written)
        self.assertTrue(written.endswith(b"\r\nContent-Length: 0\r\n\r\n"), written)
        written = await self.raw(b"GET" + head)
        self.assertTrue(written.startswith(b"HTTP/1.1 404 Not Found\r\n"), written)

    async def test_a_part_of_a_file(self) -> None:
        response, part = await self.ask("/large.bin", Range="bytes=10-70000")
        self.assertEqual((response.code, part), (206, LARGE[10:70001]))
        self.assertEqual(
            response.headers.getRawHeaders("Content-Range"), [f"bytes 10-70000/{len(LARGE)}"]
        )
        response, part = await self.ask("/large.bin", Range=f"bytes={len(LARGE)}-")
        self.assertEqual((response.code, part), (416, b"The file has no such part.\n"))
        self.assertEqual(response.headers.getRawHeaders("Content-Range"), [f"bytes */{len(LARGE)}"])

    async def test_several_parts_are_the_whole(self) -> None:
        request = b"GET /large.bin HTTP/1.1\r\nHost: a\r\nRange: bytes=%b\r\n%b\r\n"
        parts = b",".join(b"%d-%d" % (first, first + 5) for first in range(0, 1000, 7))
        answer = await self.raw(
            request % (parts, b"") + request % (b"0-,0-", b"Connection: close\r\n")
        )
        self.assertEqual(answer.count(b"HTTP/1.1 200 OK\r\n"), 2)
        self.assertEqual(answer.count(b"\r\nContent-Length: %d\r\n" % len(LARGE)), 2)
        self.assertTrue(answer.endswith(LARGE))

    async def test_what_a_client_has_is_not_sent_again(self) -> None:
        (self.folder / "old.bin").write_bytes(LARGE)
        os.utime(self.folder / "old.bin", (0, 1))
        date = "Thu, 01 Jan 1970 00:00:01 GMT"
        response, sent = await self.ask("/old.bin")
        self.assertEqual(response.headers.getRawHeaders("Last-Modified"), [date])
        response, sent = await self.ask("/old.bin", If_Modified_Since=date)
        self.assertEqual((response.code, sent), (304, b""))
        self.assertFalse(response.headers.hasHeader("Content-Length"))
        for other in ("Thu, 01 Jan 1970 00:00:00 GMT", "99999999999", "\xff"):
            response, sent = await self.ask("/old.bin", If_Modified_Since=other)
            self.assertEqual((response.code, sent), (200, LARGE), other)
        response, sent = await self.ask(
            "/old.bin", If_Modified_Since=date, If_None_Match='"of another server"'
        )
        self.assertEqual((response.code, sent), (200, LARGE))
        response, sent = await self.ask("/old.bin", Range="bytes=0-0", If_Range=date)
        self.assertEqual((response.code, sent), (206, LARGE[:1]))
        response, sent = await self.ask("/old.bin", Range="bytes=0-0", If_Range='"etag"')
        self.assertEqual((response.code, sent), (200, LARGE))

    async def test_head_has_the_same_headers_and_no_body(self) -> None:
        heads = {"/": (200, "11"), "/large.bin": (200, str(len(LARGE))), "/none": (404, "23")}
        for path, (status, length) in heads.items():
            response, sent = await self.ask(path, "HEAD", Range="bytes=1-2")
            self.assertEqual((response.code, sent), (status, b""))
            self.assertEqual(response.headers.getRawHeaders("Content-Length"), [length])

    async def test_types(self) -> None:
        types = {
            "a.html": "text/html",
            "a.MJS": "text/javascript",
            "short": "text/html",
            "a.unheard-of": "application/octet-stream",
            "a.tar.bz2": "application/octet-stream",
            "a.css.gz": "text/css",
            "http:a": "text/html",
            ".well-known/host-meta": "application/xrd+xml",
            ".well-known/host-meta.json": "application/json",
            ".well-known/token": "application/octet-stream",
        }
        for name, kind in types.items():
            (self.folder / name).parent.mkdir(exist_ok=True)
            (self.folder / name).write_bytes(b"")
            told = await self.headers("/" + name, "Content-Type", "X-Content-Type-Options")
            self.assertEqual(told, [[kind], ["nosniff"]], name)
        self.assertIn(
            b"\r\nContent-Encoding: gzip\r\n", await self.raw(b"GET /a.css.gz HTTP/1.0\r\n\r\n")
        )

    async def test_what_is_well_known_is_so_to_pages_of_all_origins(self) -> None:
        (self.folder / ".well-known").mkdir()
        (self.folder / ".well-known/host-meta").write_bytes(b"<XRD/>")
        allow = "Access-Control-Allow-Origin"
        self.assertEqual(await self.headers("/.well-known/host-meta", allow), [["*"]])
        self.assertEqual(await self.headers("/large.bin", allow), [None])

    async def test_a_folder_without_its_slash_is_another_address(self) -> None:
        (self.folder / "a:b c").mkdir()
        (self.folder / "a:b c/index.html").write_bytes(b"inside")
        request = b"GET /a%3Ab%20c HTTP/1.1\r\nHost: evil\r\nConnection: close\r\n\r\n"
        answer = await self.raw(request)
        self.assertIn(b"HTTP/1.1 302 Found\r\n", answer)
        self.assertIn(b"\r\nLocation: ./a%3Ab%20c/\r\n", answer)
        self.assertEqual(await self.get("/a%3Ab%20c"), (200, b"inside"))

    async def test_what_cannot_be_opened(self) -> None:
        for number, status in ((errno.EACCES, 403), (errno.EMFILE, 503), (errno.EIO, 503)):

            def refuse(*_: object, number: int = number) -> OpenFile:
                raise OSError(number, "no")

            self.patch(handler, "find", refuse)
            self.assertEqual((await self.get("/index.html"))[0], status)

    async def test_a_file_that_changes_is_sent_as_it_was_announced_or_not_at_all(self) -> None:
        changing = self.folder / "changing"
        for size, then in ((200_000, 300_000), (200_000, 100_000)):
            changing.write_bytes(b"x" * size)
            client = SlowClient(self.ecm)
            head = client.send(
                b"GET /changing HTTP/1.1\r\nHost: a\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n"
            )
            os.truncate(changing, then)
            sent = (head + client.take_all()).partition(b"\r\n\r\n")[2]
            self.assertEqual(sent[: min(size, then)], b"x" * min(size, then))
            if then > size:
                self.assertTrue(sent[size:].startswith(b"HTTP/1.1 200 OK\r\n"))
            else:
                self.assertEqual((len(sent), client.ended), (then, True))

    async def test_a_client_that_does_not_read_costs_little(self) -> None:
        client = SlowClient(self.ecm)
        written = client.send(b"GET /large.bin HTTP/1.1\r\nHost: a\r\n\r\n" * 100)
        self.assertLess(len(written), 70_000)
        self.assertEqual(self.opened(), 1)
        client.leave()
        self.assertEqual(self.opened(), 0)
        client = SlowClient(self.ecm)
        self.assertLess(len(client.send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n" * 100)), 1000)
        self.assertEqual(self.opened(), 0)

    async def test_only_so_many_large_files_are_open(self) -> None:
        request = b"GET /large.bin HTTP/1.1\r\nHost: a\r\n\r\n"
        clients = [SlowClient(self.ecm) for _ in range(MAX_OPEN_PAGES)]
        for client in clients:
            self.assertIn(b"200 OK", client.send(request))
        refused = SlowClient(self.ecm).send(request)
        self.assertIn(b"HTTP/1.1 503 Service Unavailable\r\n", refused)
        self.assertIn(b"\r\nRetry-After: 5\r\n", refused)
        self.assertIn(
            b"<p>page</p>", SlowClient(self.ecm).send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        )
        clients[0].leave()
        self.assertIn(b"200 OK", SlowClient(self.ecm).send(request))

    async def test_at_the_end_a_connection_closes_behind_its_page(self) -> None:
        client = SlowClient(self.ecm)
        client.send(b"GET /large.bin HTTP/1.1\r\nHost: a\r\n\r\n")
        self.ecm.registry.drain()
        client.take_all()
        self.ecm.pass_time(1)
        self.assertTrue(client.ended)

    def opened(self) -> int:
        """Return how many of the folder's files are open."""
        return sum(str(self.folder) in file for file in open_files(os.getpid()))

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
        leaving = LeavingClient(b"GET /large.bin HTTP/1.1\r\nHost: a\r\n\r\n")
        await (await connectProtocol(endpoint, leaving)).closed
        self.assertEqual(await self.get("/"), (200, b"<p>page</p>"))

    async def test_http_1_0_gets_its_page(self) -> None:
        answer = await self.raw(b"GET / HTTP/1.0\r\n\r\n")
        self.assertTrue(answer.startswith(b"HTTP/1.1 200 OK\r\n"), answer)
        self.assertIn(b"\r\nConnection: close\r\n", answer)
        self.assertTrue(answer.endswith(b"\r\n\r\n<p>page</p>"), answer)

    async def test_pipelined_pages_come_in_order(self) -> None:
        request = b"GET /%b HTTP/1.1\r\nHost: a\r\n%b\r\n"
        paths = [b"large.bin", b"none", b"index.html"] * 10
        last = request % (b"", b"Connection: close\r\n")
        answer = await self.raw(b"".join(request % (path, b"") for path in paths) + last)
        self.assertEqual(answer.count(b"HTTP/1.1 200 OK"), 21)
        self.assertEqual(answer.count(b"HTTP/1.1 404 Not Found"), 10)
        self.assertTrue(answer.endswith(b"<p>page</p>"))
