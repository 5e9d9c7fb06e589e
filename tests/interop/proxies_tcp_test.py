"""HAProxy in front of the ports for XMPP over TCP, as docs/interop.md has it."""

import re

from twisted.internet.interfaces import IProtocolFactory
from twisted.internet.threads import deferToThread

from ecm.frontend.tcp_factory import ProxiedTcpFactory, TcpFactory
from ecm.tools.ports import HOST, free_port
from testkit.certificates import Authority
from testkit.ecm_process import temporary_folder
from testkit.servers import haproxy
from testkit.tcp_client import Secure, starttls, talk, trusting
from testkit.websocket_talk import TalkCase
from tests.interop.proxies import documented


class HaproxyTcpTests(TalkCase):
    """The client is one of 127.0.0.2, and HAProxy asks ECM from 127.0.0.1."""

    def setUp(self) -> None:
        root = Authority.root()
        self.certificates = temporary_folder(self)
        self.certificates.joinpath("cert.pem").write_bytes(b"".join(root.sign("localhost")))
        self.ca = root.issuers

    @property
    def factory(self) -> IProtocolFactory:
        return ProxiedTcpFactory(TcpFactory(self.ecm.clients.admission, self.ecm.pool))

    async def test_starttls(self) -> None:
        await self.talks("starttls", 5222, starttls(self.ca))

    async def test_tls_at_once(self) -> None:
        await self.talks("tls", 5223, trusting(self.ca, "xmpp-client"))

    async def talks(self, kind: str, port: int, secure: Secure) -> None:
        ecm = await self.serve(f"{kind}:{self.certificates}:port=0:interface={HOST}")
        ports = {5222: free_port(), 5223: free_port()}
        settings = documented("haproxy-tcp").replace(f"{HOST}:1{port}", f"{HOST}:{ecm}")
        settings = re.sub(
            "bind :([0-9]+)", lambda each: f"bind {HOST}:{ports[int(each[1])]}", settings
        )
        self.enterContext(haproxy.started(temporary_folder(self), settings, ports[port], mode="-W"))
        await deferToThread(talk, ports[port], secure, source="127.0.0.2")
        self.assertRegex(self.opened, rb"^open tcp peer=127\.0\.0\.2:[0-9]+ secure=1")
