"""Ports for IPv4 and IPv6 alike."""

import socket
from collections.abc import Callable
from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.protocol import Factory, Protocol
from twisted.trial.unittest import TestCase

from ecm.net import endpoints
from ecm.net.endpoints import server_endpoint
from ecm.net.listening import close_port, socket_of
from ecm.net.transport import IStreamTransport, peer_of
from testkit.certificates import make_certificate
from testkit.ecm_process import temporary_folder

FAMILIES = {"127.0.0.1": socket.AF_INET, "::1": socket.AF_INET6}


class BothFamiliesTests(TestCase):
    async def listen(
        self, description: str, protocol: Callable[[], Protocol] = Protocol
    ) -> socket.socket:
        """Return the listening socket of an endpoint."""
        endpoint = server_endpoint(reactor, description, lean=False)
        port = await endpoint.listen(Factory.forProtocol(protocol))
        self.addCleanup(close_port, port)
        return socket_of(port)

    def reached(self, listening: socket.socket) -> list[str]:
        """Return the loopback addresses at which a socket is reached."""
        port, found = listening.getsockname()[1], []
        for host, family in FAMILIES.items():
            with socket.socket(family) as client:
                if client.connect_ex((host, port)) == 0:
                    found.append(host)
        return found

    async def test_a_port_without_an_interface_is_on_all_addresses(self) -> None:
        certificate = make_certificate(temporary_folder(self))
        files = f"privateKey={certificate.key}:certKey={certificate.certificate}"
        folder = certificate.in_one_file().parent
        for description in ("tcp:0", "plain:tcp:0", f"tls:{folder}:port=0", f"ssl:0:{files}"):
            listening = await self.listen(description)
            self.assertEqual(self.reached(listening), [*FAMILIES], description)

    async def test_one_with_an_interface_is_there_alone(self) -> None:
        for description in ("tcp:0:interface=0.0.0.0", "tcp:0:interface=127.0.0.1"):
            self.assertEqual(self.reached(await self.listen(description)), ["127.0.0.1"])

    async def test_a_client_over_ipv4_has_an_address_of_ipv4(self) -> None:
        connected: Deferred[str] = Deferred()

        class Client(Protocol):
            transport: IStreamTransport

            def connectionMade(self) -> None:
                connected.callback(peer_of(self.transport)[0])
                self.transport.abortConnection()

        listening = await self.listen("tcp:0", Client)
        self.assertEqual(listening.family, socket.AF_INET6)
        with socket.create_connection(("127.0.0.1", listening.getsockname()[1])):
            self.assertEqual(await connected, "127.0.0.1")

    async def test_without_ipv6_there_is_ipv4_alone(self) -> None:
        make: Any = socket.socket

        def refuse(family: int = socket.AF_INET, *more: Any, **named: Any) -> Any:
            if family == socket.AF_INET6:
                raise OSError(97, "Address family not supported by protocol")
            return make(family, *more, **named)

        self.patch(socket, "socket", refuse)
        listening = await self.listen("tcp:0")
        self.assertEqual(listening.family, socket.AF_INET)

    async def test_where_the_machine_keeps_them_apart_there_is_ipv4_alone(self) -> None:
        self.patch(socket.socket, "getsockopt", lambda *_: 1)
        self.assertEqual(endpoints.all_addresses(), "")
