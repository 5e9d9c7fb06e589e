"""Faults of clients are noted, with whose they are."""

from ipaddress import ip_network
from typing import Any

from twisted.internet.address import IPv4Address
from twisted.trial.unittest import TestCase

from ecm import limits
from ecm.frontend.proxied import ProxiedFactory
from ecm.frontend.settings import FrontendSettings
from ecm.frontend.static.handler import StaticHandler
from ecm.http.client_address import TrustedProxies
from ecm.http.cors import Cors
from ecm.log.faults import Fault
from testkit.ecm_process import temporary_folder
from testkit.in_memory import Client, Joined

GET = b"GET %b HTTP/1.1\r\nHost: a\r\n%b\r\n"
POST = b"POST /http-bind HTTP/1.1\r\nHost: a\r\n%b\r\n"
ORIGIN = b"Origin: https://other.example\r\n"


class BlameTestCase(TestCase):
    def join(self, **settings: Any) -> Joined:
        """Return an ECM whose faults are noted here."""
        self.ecm = Joined(**settings)
        self.noted: list[tuple[Fault, str, str]] = []
        self.patch(self.ecm.registry.faults, "add", lambda *each: self.noted.append(each))
        return self.ecm


class RequestTests(BlameTestCase):
    def test_each_status_that_is_the_fault_of_a_client(self) -> None:
        for request, why in (
            (b"nonsense\r\n\r\n", "400 This is not HTTP/1.1"),
            (GET % (b"/a?secret", b""), "404 /a"),
            (POST % b"", "411 "),
            (GET % (b"/" + b"x" * 20_000, b""), "431 The head is too long"),
            (POST % b"Content-Length: 2000\r\n" + b"x" * 1024, "413 The body is too long"),
            (GET % (b"/http-bind", b"Transfer-Encoding: gzip\r\n"), "501 "),
        ):
            self.join(max_body=1024).client("198.51.100.7").send(request)
            self.assertEqual([each[0] for each in self.noted], [Fault.HTTP], request[:40])
            (_, said, address) = self.noted[0]
            self.assertTrue(said.startswith(why), said)
            self.assertEqual(address, "198.51.100.7")

    def test_a_request_that_comes_too_slowly(self) -> None:
        self.join().client().send(b"POST /")
        self.ecm.pass_time(limits.HEADER_TIMEOUT)
        self.assertEqual(self.noted, [(Fault.HTTP, "408 The request came too slowly", "192.0.2.1")])

    def test_what_is_no_fault_is_not_noted(self) -> None:
        client = self.join().client()
        client.send(GET % (b"/http-bind", b""))
        client.send(b"OPTIONS /http-bind HTTP/1.1\r\nHost: a\r\n" + ORIGIN + b"\r\n")
        client.post(b"<body/>")
        self.ecm.pass_time(1000)
        self.assertEqual(self.noted, [])

    def test_a_file_that_is_not_there(self) -> None:
        files = StaticHandler(str(temporary_folder(self)))
        self.join(otherwise=files).client().send(GET % (b"/favicon.ico", b""))
        self.assertEqual(self.noted, [(Fault.HTTP, "404 /favicon.ico", "192.0.2.1")])

    def test_behind_a_proxy_it_is_the_address_that_it_tells(self) -> None:
        proxies = TrustedProxies(trusted=(ip_network("192.0.2.0/24"),))
        self.join(settings=FrontendSettings(proxies=proxies))
        told = b"X-Forwarded-For: 203.0.113.9\r\n"
        self.ecm.client("192.0.2.1").send(GET % (b"/a", told))
        self.ecm.client("198.51.100.7").send(GET % (b"/a", told))
        self.ecm.client("192.0.2.1").send(POST % told)
        self.assertEqual(
            [address for *_, address in self.noted],
            ["203.0.113.9", "198.51.100.7", "203.0.113.9"],
        )


class OriginTests(BlameTestCase):
    def test_a_page_that_may_not_ask(self) -> None:
        cors = Cors(origins=frozenset({b"https://chat.example"}))
        client = self.join(settings=FrontendSettings(cors=cors)).client()
        for origin in (b"https://chat.example", b"https://other.example"):
            line = b"Origin: %b\r\n" % origin
            client.send(b"OPTIONS /http-bind HTTP/1.1\r\nHost: a\r\n" + line + b"\r\n")
        self.assertEqual(self.noted, [(Fault.ORIGIN, "https://other.example", "192.0.2.1")])
        self.assertEqual(self.ecm.metrics.rejected, {"cors_origin": 1})


class ConnectionTests(BlameTestCase):
    def test_one_too_many(self) -> None:
        self.join(max_connections=1)
        self.ecm.client("192.0.2.1").post(b"<body/>")
        self.ecm.client("192.0.2.2")
        self.assertEqual(
            self.noted, [(Fault.CONNECTION, "There are too many connections", "192.0.2.2")]
        )

    def test_no_proxy_header_or_one_that_tells_the_client(self) -> None:
        self.join()
        for data in (b"GET / HTTP/1.1\r\n\r\n", b"PROXY TCP4 203.0.113.9 1.2.3.4 5 6\r\nnonsense"):
            protocol = ProxiedFactory(self.ecm.clients).buildProtocol(IPv4Address("TCP", "a", 1))
            assert protocol is not None
            Client(protocol, self.ecm.reactor, "10.0.0.1").send(data + b"\r\n\r\n")
        self.assertEqual(
            [(fault, address) for fault, _, address in self.noted],
            [(Fault.PROXY, "10.0.0.1"), (Fault.HTTP, "203.0.113.9")],
        )
