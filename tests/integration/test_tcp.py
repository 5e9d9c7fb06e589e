"""XMPP over TCP through real sockets and processes: STARTTLS, TLS at once, and without."""

import signal
import socket
import ssl
import sys
from typing import Any, cast

from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.threads import blockingCallFromThread, deferToThread
from twisted.trial.unittest import TestCase

from ecm.frontend.tcp_factory import TcpFactory
from ecm.net.endpoints import server_endpoint
from ecm.net.reactor import global_reactor
from testkit.certificates import Authority
from testkit.ecm_process import LOOPBACK, EcmTestCase, temporary_folder
from testkit.process import PIPES, Process, script, start
from testkit.samples.before_tls import HEADER
from testkit.tcp_client import connect, converse, starttls, talk, trusting
from testkit.websocket_case import joined

PLACE = "port=0:interface=127.0.0.1"
PROXY = b"PROXY TCP4 192.0.2.9 192.0.2.1 1234 5222\r\n"


async def linked(ecm: Process, workers: int) -> None:
    """Wait until each worker has its link: streams do not wait for one."""
    await ecm.printed("(?s)" + ".*".join(["link up"] * workers))


class TcpCase(EcmTestCase):
    async def start_echo(self, *arguments: str, workers: int = 1, lean: bool = False) -> Process:
        """Start ECM in front of an ejabberd that echoes, with certificates in ``folder``."""
        ejabberd = start(self, sys.executable, "-m", "testkit.servers.link_echo")
        port = (await ejabberd.printed(r"([0-9]+)\n"))[1]
        root, self.folder = Authority.root(), temporary_folder(self)
        self.folder.joinpath("cert.pem").write_bytes(b"".join(root.sign("localhost")))
        self.ca = root.issuers
        arguments = tuple(each.replace("FOLDER", str(self.folder)) for each in arguments)
        more = ("--workers", str(workers), *(("--lean-tls",) if lean else ()))
        ecm = await self.start("--upstream", f"tcp:127.0.0.1:{port}", *more, *arguments)
        await linked(ecm, workers)
        return ecm

    def ports(self, ecm: Process) -> list[int]:
        """Return the ports, but for the one that each test of this kind has."""
        lines = [line for line in ecm.output.splitlines() if " starting on " in line]
        found = [line.rpartition(" ")[2] for line in lines]
        return [int(each) for each in found if each.isdecimal()][1:]


class TalkTests(TcpCase):
    async def test_each_way_to_tls(self) -> None:
        await self.talks()

    async def test_each_way_to_tls_without_openssl_behind_it(self) -> None:
        await self.talks(lean=True)

    async def test_each_way_to_tls_at_any_worker(self) -> None:
        await self.talks(workers=2)

    async def talks(self, **more: Any) -> None:
        ecm = await self.start_echo(
            *("--stream", f"starttls:FOLDER:{PLACE}", "--stream", f"tls:FOLDER:{PLACE}"),
            *("--stream-proxy-protocol", f"starttls:FOLDER:{PLACE}"),
            *("--stream-proxy-protocol", f"tls:FOLDER:{PLACE}"),
            **more,
        )
        asked, at_once, proxied_asked, proxied_at_once = self.ports(ecm)
        named = trusting(self.ca, "xmpp-client")
        old = trusting(self.ca, version=ssl.TLSVersion.TLSv1_2)
        for _ in range(4):  # to reach both workers
            await deferToThread(talk, asked, starttls(self.ca))
            await deferToThread(talk, at_once, named)
            await deferToThread(talk, at_once, old)
            await deferToThread(talk, proxied_asked, starttls(self.ca), PROXY)
            await deferToThread(talk, proxied_at_once, named, PROXY)
        self.assertNotIn("Traceback", ecm.output)

    async def test_without_tls_where_it_is_asked_for_by_name(self) -> None:
        path = str(temporary_folder(self) / "socket")
        ecm = await self.start_echo(
            *("--stream", "plain:tcp:0:interface=127.0.0.1", "--stream", f"plain:unix:{path}"),
            *("--stream-proxy-protocol", "plain:tcp:0:interface=127.0.0.1"),
        )
        plain, proxied = self.ports(ecm)
        await deferToThread(talk, plain)
        await deferToThread(talk, path)
        await deferToThread(talk, proxied, None, PROXY)

    async def test_a_port_of_http_serves_who_asks_for_xmpp(self) -> None:
        for lean in (False, True):
            ecm = await self.start_echo("--listen", f"tls:FOLDER:{PLACE}", lean=lean)
            (port,) = self.ports(ecm)
            await deferToThread(talk, port, trusting(self.ca, "xmpp-client"))

            def ask(port: int = port) -> bytes:
                with connect(port, trusting(self.ca, "http/1.1")) as connection:
                    connection.sendall(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
                    return connection.recv(65536)

            self.assertIn(b"HTTP/1.1 404 ", await deferToThread(ask))


class SystemdTests(TestCase):
    """ECM with a socket that systemd has opened, as sd_listen_fds(3) has it."""

    async def test_a_port_of_systemd_may_be_one_for_a_proxy(self) -> None:
        listening = socket.create_server(("127.0.0.1", 0))
        self.addCleanup(listening.close)
        ejabberd = start(self, sys.executable, "-m", "testkit.servers.link_echo")
        echo = (await ejabberd.printed(r"([0-9]+)\n"))[1]
        for workers in (1, 2):
            command = (
                f"LISTEN_PID=$$ exec {script('twistd')} -n --pidfile= ecm --listen {LOOPBACK}"
                f" --upstream tcp:127.0.0.1:{echo} --workers {workers}"
                " --stream-proxy-protocol plain:systemd:domain=INET:index=0"
            )
            ecm = start(
                self,
                *("/bin/sh", "-c", command),
                environment={"LISTEN_FDS": "1", "LISTEN_FDNAMES": "ecm.socket"},
                files={**PIPES, 3: listening.fileno()},
            )
            await linked(ecm, workers)
            for _ in range(4):
                await deferToThread(talk, listening.getsockname()[1], None, PROXY)
            await ecm.stop()
            self.assertNotIn("Traceback", ecm.output)


class StopTests(TcpCase):
    async def test_a_graceful_stop_closes_streams(self) -> None:
        ecm = await self.start_echo("--stream", f"starttls:FOLDER:{PLACE}")
        online: Deferred[None] = Deferred()
        (port,) = self.ports(ecm)

        def stay() -> bytes:
            with connect(port, starttls(self.ca)) as connection:
                converse(connection)
                blockingCallFromThread(cast(Any, reactor), online.callback, None)
                return connection.recv(1)  # raises where TLS is not ended as it should

        ended = deferToThread(stay)
        await online
        ecm.signal(signal.SIGTERM)
        self.assertEqual(await ended, b"")
        self.assertEqual(await ecm.ended, -signal.SIGTERM)
        self.assertRegex(ecm.output, r"ECM stopped: .* streams=1 .* streams_accepted\.tcp=1\b")
        self.assertNotIn("streams_refused", ecm.output)
        self.assertNotIn("Traceback", ecm.output)


class SocketTests(TestCase):
    """Here the test sees ECM's own end of the connection."""

    async def setUp(self) -> None:  # type: ignore[override]
        self.ecm = joined()
        endpoint = server_endpoint(global_reactor(), "plain:tcp:0:interface=127.0.0.1", lean=False)
        port = await endpoint.listen(TcpFactory(self.ecm.clients.admission, self.ecm.pool))
        self.addCleanup(port.stopListening)
        host: Any = port.getHost()
        self.place: int = host.port

    async def test_the_kernel_asks_whether_the_client_is_there(self) -> None:
        client = await deferToThread(connect, self.place)
        self.addCleanup(client.close)
        await self.until_open(1)
        (connection,) = self.ecm.registry.open
        handle: Any = connection.transport.getHandle()
        self.assertTrue(handle.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE))
        self.assertEqual(
            [
                handle.getsockopt(socket.IPPROTO_TCP, name)
                for name in (socket.TCP_KEEPIDLE, socket.TCP_KEEPINTVL, socket.TCP_KEEPCNT)
            ],
            [240, 20, 3],
        )
        self.assertTrue(handle.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))

    async def test_what_a_client_says_last_is_passed_on(self) -> None:
        def say(place: int) -> None:
            with connect(place) as client:
                client.sendall(HEADER)
                client.sendall(b"</stream:stream>")
                client.shutdown(socket.SHUT_WR)
                assert not client.recv(1)

        await deferToThread(say, self.place)
        await self.until_open(0)
        (_, opened), *said, (_, last) = self.ecm.received()
        self.assertTrue(opened.startswith(b"open tcp peer=127.0.0.1:"), opened)
        texts = b"".join(content.removeprefix(b"message\n") for _, content in said)
        self.assertEqual(texts, HEADER + b"</stream:stream>")
        self.assertEqual(last, b"close gone")

    async def until_open(self, number: int) -> None:
        while len(self.ecm.registry.open) != number:
            await deferToThread(lambda: None)
