"""The conversation of every client: it logs in, is seen, chats with Bob, and is seen to leave."""

from secrets import token_hex
from typing import Protocol as Interface
from xml.etree.ElementTree import Element

from twisted.trial.unittest import TestCase

from testkit.bosh_client import CLIENT, BoshClient, http_client
from testkit.stack import running_stack
from testkit.stanzas import message

PASSWORD = "secret"
MESSAGES = 20  # each way


class Client(Interface):
    """A client of somebody else's."""

    async def come(self, url: str, jid: str, password: str) -> str:
        """Log in and send presence; return the full JID."""

    async def say(self, to: str, texts: list[str]) -> None:
        """Send each text as a message."""

    async def hear(self, count: int) -> list[str]:
        """Wait until that many messages have come, and return their texts."""

    async def leave(self) -> None:
        """Log out; return once the client says that it is out."""


class TalkTestCase(TestCase):
    """Gives the client a new account, so that nothing is left of an earlier chat."""

    timeout = 60
    texts = [f"{number} \U0001f44b <&>\"'" for number in range(MESSAGES)]

    def setUp(self) -> None:
        self.stack = running_stack()
        self.http = http_client(self)
        self.name = f"guest-{token_hex(4)}"

    async def assert_talks(self, client: Client, url: str | None = None) -> None:
        """``url`` is where the client finds BOSH, if not at ECM itself."""
        bob = await self.bob()
        jid = await client.come(url or self.stack.bosh, self.address(self.name), PASSWORD)
        await bob.receive(lambda stanza: is_presence(stanza, jid, None))

        bob.send(*(message(jid, f"from Bob {text}") for text in self.texts))
        await client.say(bob.jid, [f"to Bob {text}" for text in self.texts])
        self.assertEqual(await client.hear(MESSAGES), [f"from Bob {text}" for text in self.texts])
        for text in self.texts:
            self.assertEqual(await bob.message(), (self.address(self.name), f"to Bob {text}"))

        await client.leave()
        await bob.receive(lambda stanza: is_presence(stanza, jid, "unavailable"))
        await bob.terminate()

    def address(self, name: str) -> str:
        return f"{name}@{self.stack.domain}"

    async def bob(self) -> BoshClient:
        """Bob, online, who may see the presence of the client's account."""
        guest = await self.newcomer(self.name)
        bob = await self.newcomer(f"bob-of-{self.name}")
        bob.send(subscription("subscribe", self.address(self.name)))
        await guest.receive(lambda stanza: stanza.get("type") == "subscribe")
        guest.send(subscription("subscribed", bob.jid.partition("/")[0]))
        await bob.receive(lambda stanza: is_presence(stanza, guest.jid, None))
        await guest.terminate()
        return bob

    async def newcomer(self, name: str) -> BoshClient:
        """Somebody with a new account, online."""
        client = BoshClient(self.http, self.stack.bosh, self.stack.domain)
        await client.create()
        await client.register(name, PASSWORD)
        await client.login(name, PASSWORD)
        client.send(f"<presence xmlns='{CLIENT}'/>")
        return client


def is_presence(stanza: Element, sender: str, kind: str | None) -> bool:
    presence = stanza.tag == f"{{{CLIENT}}}presence"
    return presence and (stanza.get("from"), stanza.get("type")) == (sender, kind)


def subscription(kind: str, to: str) -> str:
    return f"<presence xmlns='{CLIENT}' type='{kind}' to='{to}'/>"
