"""The conversation of every client: it logs in, is seen, chats with Bob, and is seen to leave."""

from secrets import token_hex

from twisted.trial.unittest import TestCase

from testkit.bosh_client import CLIENT, BoshClient, http_client
from testkit.stack import running_stack
from tests.interop.conversation import Client, Conversation, is_presence

PASSWORD = "secret"
MESSAGES = 20  # each way


class TalkTestCase(TestCase):
    """Gives the client a new account, so that nothing is left of an earlier chat."""

    timeout = 60
    texts = ["\N{LATIN SMALL LETTER E WITH ACUTE}\u4e16 \U0001f44b <&>\"'"] * MESSAGES

    def setUp(self) -> None:
        self.stack = running_stack()
        self.http = http_client(self)
        self.name = f"guest-{token_hex(4)}"

    async def assert_talks(self, client: Client, url: str | None = None) -> None:
        """``url`` is where the client finds BOSH, if not at ECM itself."""
        conversation = await self.meet(client, url or self.stack.bosh)
        await conversation.chat(self.texts)
        await conversation.end()

    async def meet(self, client: Client, url: str) -> Conversation:
        """Have the client log in, and Bob see it."""
        bob = await self.bob()
        jid = await client.come(url, self.address(self.name), PASSWORD)
        await bob.receive(lambda stanza: is_presence(stanza, jid, None))
        return Conversation(self, client, bob, jid)

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


def subscription(kind: str, to: str) -> str:
    return f"<presence xmlns='{CLIENT}' type='{kind}' to='{to}'/>"
