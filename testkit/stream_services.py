"""The services of ejabberd for people whose connections are streams, by the tests for BOSH.

A test that asks for people gets StreamClients. It needs of them what they have in common with a
BoshClient, so ``Any`` stands for both.
"""

from secrets import token_hex
from typing import Any

from ecm.tools.demo.plan import DOMAIN
from testkit.bosh_client import Refused
from testkit.link_case import ONLINE, PASSWORD, ServiceTestCase, is_presence, name
from testkit.stream_client import StreamClient
from testkit.streaming_end import StreamingEnd


class StreamServices(ServiceTestCase):
    """The base of a class of tests, before theirs. ``kind`` is that of the streams."""

    kind: str

    async def people(self, number: int, listener: str = "typed") -> list[Any]:
        self._link = await StreamingEnd.connect(self, self.ejabberd.listeners.port(listener))
        clients = [await self._online() for _ in range(number)]
        for client in clients:
            await self.come_online(client)
        return clients

    async def _online(self) -> Any:
        """Return somebody with a new account, and a resource."""
        client = await self.unbound()
        account = f"user-{token_hex(4)}"
        await client.register(account, PASSWORD)
        await client.login(account, PASSWORD)
        return client

    async def again(self, user: Any, resource: str = "") -> Any:
        client = await self.unbound()
        await client.login(name(user), PASSWORD, resource=resource)
        client.send(ONLINE)
        return client

    async def unbound(self, domain: str = DOMAIN) -> Any:
        client = self.newcomer(domain)
        await client.create()
        return client

    def newcomer(self, domain: str = DOMAIN) -> Any:
        return StreamClient(self._link, domain, f"{self.kind} peer=127.0.0.1:51234 secure=1")

    async def cut(self, client: Any) -> None:
        client.vanish()

    async def told(self, client: Any) -> str:
        error = await client.receive(lambda element: element.tag.endswith("}error"))
        with self.assertRaisesRegex(Refused, "^close end"):
            await client.receive(lambda element: False)
        names = [each.tag.partition("}")[2] for each in error]
        return " ".join(["remote-stream-error", *names])

    async def over(self, client: Any, friend: Any) -> None:
        """It routes what it has left before it says goodbye."""
        await friend.receive(lambda stanza: is_presence(stanza, client, "unavailable"))


class OverWebSocket(StreamServices):
    kind = "websocket"


class OverTcp(StreamServices):
    kind = "tcp"
