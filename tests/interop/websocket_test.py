"""WebSockets through the proxies, as docs/interop.md has them."""

from ipaddress import ip_network

from treq import content, get

from ecm.frontend.settings import FrontendSettings
from ecm.http.client_address import X_FORWARDED_FOR, TrustedProxies
from ecm.http.cors import Cors
from ecm.websocket import codes
from testkit.websocket_talk import TalkCase, converse, talk
from tests.interop.proxies import APACHE, HAPROXY, NGINX

# As of --trusted-proxy 127.0.0.1; and some other origin than that of the page.
SETTINGS = FrontendSettings(
    proxies=TrustedProxies((ip_network("127.0.0.1"),), X_FORWARDED_FOR),
    cors=Cors(frozenset({b"https://chat.example"})),
    host_meta="https://chat.example",
)


class NginxWebSocketTests(TalkCase):
    proxy = NGINX

    async def test_a_page_of_the_proxy_talks_and_ejabberd_knows_its_address(self) -> None:
        port = await self.serve(settings=SETTINGS)
        url = self.proxy.start(self, f"127.0.0.1:{port}")
        code = await talk(
            converse,
            url.replace("http", "ws") + "/ws",
            origin=url,
            additional_headers={"X-Forwarded-For": "192.0.2.7", "Forwarded": "for=192.0.2.8"},
        )
        self.assertEqual(code, codes.NORMAL)
        # 192.0.2.7 is what a client says of itself; the proxy says 127.0.0.1, whom ECM trusts.
        self.assertRegex(self.opened, rb"open websocket peer=192\.0\.2\.7:[0-9]+ secure=0")

    async def test_clients_find_the_address_through_the_proxy(self) -> None:
        port = await self.serve(settings=SETTINGS)
        url = self.proxy.start(self, f"127.0.0.1:{port}")
        for suffix in ("", ".json"):
            response = await get(f"{url}/.well-known/host-meta{suffix}", persistent=False)
            self.assertEqual(response.headers.getRawHeaders("Access-Control-Allow-Origin"), ["*"])
            self.assertIn(b'"wss://chat.example/ws"', await content(response))


class HaproxyWebSocketTests(NginxWebSocketTests):
    proxy = HAPROXY


class ApacheWebSocketTests(NginxWebSocketTests):
    proxy = APACHE
