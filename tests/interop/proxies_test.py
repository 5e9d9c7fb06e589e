"""nginx and HAProxy in front of ECM, as docs/interop.md has them."""

from functools import cache

import attrs
from treq.client import HTTPClient
from twisted.internet import reactor
from twisted.internet.endpoints import TCP4ClientEndpoint, connectProtocol
from twisted.trial.unittest import TestCase

from testkit import conversation_case
from testkit.bosh_client import http_client
from testkit.lasting import LASTING
from testkit.on_port import serve
from testkit.raw_client import RawClient
from testkit.stack import Stack, start_stack
from tests.interop.origin import HeldRequest, Origin
from tests.interop.proxies import HAPROXY, NGINX, Proxy
from tests.interop.strophe import StropheClient
from tests.interop.talk import TalkTestCase

BODY = b"<body></body>"
REQUEST = b"""\
POST /http-bind HTTP/1.1\r
Host: chat.example\r
X-Forwarded-For: 192.0.2.1\r
X-Forwarded-Proto: https\r
Forwarded: for=192.0.2.1\r
Content-Length: 13\r
\r
<body></body>"""


@cache
def fresh_stack(proxy: Proxy) -> Stack:
    """One for each proxy: the people of the conversations come for the first time."""
    stack = start_stack()
    LASTING.callback(stack.stop)
    return stack


def address(stack: Stack) -> str:
    return stack.bosh.split("/")[2]


class NginxConversationTests(conversation_case.ConversationCase):
    """All that is said to ECM itself, said through nginx."""

    proxy = NGINX

    def setUp(self) -> None:
        super().setUp()
        stack = fresh_stack(self.proxy)
        url = self.proxy.start(self, address(stack))
        self.stack = attrs.evolve(stack, bosh=f"{url}/http-bind/")


class HaproxyConversationTests(NginxConversationTests):
    """All that is said to ECM itself, said through HAProxy."""

    proxy = HAPROXY


class BrowserTests(TalkTestCase):
    async def test_strophe_through_nginx(self) -> None:
        await self.assert_talks_through(NGINX)

    async def test_strophe_through_haproxy(self) -> None:
        await self.assert_talks_through(HAPROXY)

    async def assert_talks_through(self, proxy: Proxy) -> None:
        url = proxy.start(self, address(self.stack))
        await self.assert_talks(StropheClient(self), f"{url}/bosh")


class NginxTests(TestCase):
    """The proxy in front of ECM, seen from ECM."""

    proxy = NGINX

    async def start(self) -> None:
        self.origin = Origin()
        port = await serve(self, self.origin)
        self.url = self.proxy.start(self, f"127.0.0.1:{port}")

    async def post(self, client: HTTPClient) -> HeldRequest:
        """Send a request, and return what comes out behind the proxy, answered."""
        answered = client.post(f"{self.url}/http-bind", data=BODY)
        request = await self.origin.asked.get()
        request.answer()
        self.assertEqual((await (await answered).content()), b"<body/>")
        return request

    async def connect(self) -> tuple[RawClient, HeldRequest]:
        """Send a request as it stands; return its client, and what comes out, held."""
        port = int(self.url.rpartition(":")[2])
        endpoint = TCP4ClientEndpoint(reactor, "127.0.0.1", port)
        client = await connectProtocol(endpoint, RawClient(REQUEST))
        return client, await self.origin.asked.get()

    async def test_connections_to_ecm_are_used_again(self) -> None:
        await self.start()
        first = await self.post(http_client(self))
        second = await self.post(http_client(self))
        self.assertIs(first.connection, second.connection)

    async def test_only_the_proxy_says_who_the_client_is(self) -> None:
        await self.start()
        client, request = await self.connect()
        addresses = ", ".join(request.headers("x-forwarded-for"))
        self.assertEqual(addresses, "192.0.2.1, 127.0.0.1")
        self.assertEqual(list(request.headers("x-forwarded-proto")), ["http"])
        self.assertEqual([value for value in request.headers("forwarded") if value], [])
        client.transport.abortConnection()

    async def test_a_client_that_goes_is_gone_for_ecm(self) -> None:
        await self.start()
        client, request = await self.connect()
        client.transport.abortConnection()
        await request.connection.closed


class HaproxyTests(NginxTests):
    proxy = HAPROXY
