"""Clients over WebSocket and TCP through proxies that have the TLS."""

from tests.interop.program import SLIXMPP, STANZA, ProgramClient
from tests.interop.proxies import HAPROXY, HAPROXY_TLS, NGINX, NGINX_STREAM
from tests.interop.stream_case import StreamTestCase


class WebSocketTests(StreamTestCase):
    scheme = "wss"

    async def test_nginx_has_tls(self) -> None:
        await self.serve_behind(NGINX)
        await self.assert_resumes(ProgramClient(self, STANZA, self.authority))

    async def test_haproxy_has_tls(self) -> None:
        await self.serve_behind(HAPROXY)
        await self.assert_resumes(ProgramClient(self, STANZA, self.authority))


class DirectTlsTests(StreamTestCase):
    scheme = "xmpps"

    async def test_nginx_has_tls(self) -> None:
        await self.serve_tcp_behind(NGINX_STREAM)
        await self.assert_resumes(ProgramClient(self, SLIXMPP, self.authority))

    async def test_haproxy_has_tls(self) -> None:
        await self.serve_tcp_behind(HAPROXY_TLS)
        await self.assert_resumes(ProgramClient(self, SLIXMPP, self.authority))
