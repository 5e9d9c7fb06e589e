"""The service that twistd starts, made of the options."""

import resource

from twisted.internet.testing import EventLoggingObserver
from twisted.logger import globalLogPublisher
from twisted.scripts._twistd_unix import ServerOptions
from twisted.trial.unittest import TestCase

from ecm import __version__
from ecm.frontend.factory import FrontendFactory
from ecm.frontend.proxied import ProxiedFactory
from ecm.frontend.tcp_factory import ProxiedTcpFactory, TcpFactory
from ecm.one_process import OneProcess
from ecm.server import Server
from ecm.service import Announcement, makeService
from testkit.command_line import parse
from testkit.logs import lines


class MakeServiceTests(TestCase):
    def server(self, *arguments: str) -> Server:
        """Return the server of the service that these options describe."""
        twistd = ServerOptions()
        twistd.parseOptions(["-n", "ecm", *arguments])
        (ecm,) = makeService(twistd.subOptions)
        assert isinstance(ecm, OneProcess)
        return ecm.server

    def test_the_server_has_a_factory_for_each_port(self) -> None:
        server = self.server("--listen", "tcp:0", "--listen", "tcp:0")
        factories = server.factories()
        self.assertEqual(len(factories), 2)
        for factory in factories:
            assert isinstance(factory, FrontendFactory)
            self.assertIs(factory.registry, server.clients.registry)

    def test_a_port_with_the_proxy_protocol_is_one_of_its_own(self) -> None:
        (factory,) = self.server("--proxy-protocol", "tcp:0").factories()
        self.assertIsInstance(factory, ProxiedFactory)

    def test_ports_for_streams_have_factories_of_their_own(self) -> None:
        arguments = ("--stream", "plain:tcp:0", "--stream-proxy-protocol", "plain:tcp:0")
        server = self.server(*arguments)
        http, stream, proxied = server.factories()
        self.assertIsInstance(http, FrontendFactory)
        self.assertIsInstance(stream, TcpFactory)
        self.assertIsInstance(proxied, ProxiedTcpFactory)

    def test_there_are_no_more_connections_than_open_files(self) -> None:
        files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
        for asked, granted in ((0, files - 128), (10, 10), (10**9, files - 128)):
            server = self.server("--max-connections", str(asked))
            self.assertEqual(server.clients.registry.settings.max_connections, granted)

    def test_a_path_is_served_with_and_without_a_slash_at_its_end(self) -> None:
        for path in ("/a", "/a/"):
            self.assertEqual(
                self.server("--path", path).clients.registry.settings.paths, (b"/a", b"/a/")
            )


class AnnouncementTests(TestCase):
    def announced(self, *arguments: str) -> list[str]:
        log = EventLoggingObserver.createWithCleanup(self, globalLogPublisher)
        options = parse("--upstream", "unix:/e", *arguments)
        Announcement(options.settings, 1128, options.warnings).startService()
        return lines(log, "ecm.service")

    def test_it_says_what_ecm_does(self) -> None:
        self.assertEqual(
            self.announced("--listen", "tcp:1:backlog=5", "--proxy-protocol", "tcp:2:backlog=5"),
            [
                "1,128 open files: enough for 1,000 connections",
                f"ECM {__version__} serves BOSH on /bosh /http-bind, WebSocket on /websocket /ws"
                " /xmpp-websocket, at tcp:1:backlog=5 tcp:2:backlog=5, for ejabberd at unix:/e",
            ],
        )

    def test_it_says_where_xmpp_over_tcp_is_served(self) -> None:
        said = self.announced(
            *("--stream", "plain:tcp:1:backlog=5"),
            *("--stream-proxy-protocol", "plain:tcp:2:backlog=5"),
        )[-1]
        self.assertIn(
            "=4096, XMPP over TCP at plain:tcp:1:backlog=5 plain:tcp:2:backlog=5, for ejabberd at ",
            said,
        )

    def test_several_workers_and_the_path_of_all(self) -> None:
        said = self.announced("--workers", "3", "--path", "/", "--websocket-path", "/w")[-1]
        self.assertIn(" serves BOSH on /, WebSocket on /w, at ", said)
        self.assertTrue(said.endswith(", for ejabberd at unix:/e, with 3 workers"), said)

    def test_warnings_come_first(self) -> None:
        said = self.announced("--head-timeout", "7")
        self.assertIn("--head-timeout is now --header-timeout", said[0])
