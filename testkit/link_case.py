"""A test of real links: ``twistd ecm`` before a private ejabberd, and people who chat over them."""

from secrets import token_hex
from xml.etree.ElementTree import Element

import attrs
from twisted.internet.defer import Deferred, ensureDeferred

from ecm.tools.demo.plan import DOMAIN
from testkit.bosh_client import CLIENT, BoshClient, Refused, http_client
from testkit.ecm_process import EcmTestCase
from testkit.private_ejabberd import running_ejabberd
from testkit.process import Process, start
from testkit.stanzas import message

PASSWORD = "secret"

ONLINE = f"<presence xmlns='{CLIENT}'/>"
LAST = "this is the last one"


@attrs.frozen
class Front:
    """An ECM, and the URL at which it serves BOSH."""

    process: Process
    bosh: str


class LinkTestCase(EcmTestCase):
    timeout = 60

    def setUp(self) -> None:
        self.ejabberd = running_ejabberd()
        # What ejabberd logs from now on.
        last = self.ejabberd.log.stat().st_size
        self.log = start(
            self, "/usr/bin/tail", f"--bytes=+{last + 1}", "-F", str(self.ejabberd.log)
        )

    async def front(self, listener: str, *arguments: str) -> Front:
        """Start an ECM before one of ejabberd's listeners. It stops when the test ends."""
        return await self.front_at(self.ejabberd.listeners.upstream(listener), *arguments)

    async def front_at(self, upstream: str, *arguments: str) -> Front:
        process = await self.start("--upstream", upstream, "--drain-timeout", "0", *arguments)
        return Front(process, f"{self.url}/http-bind")

    def client(
        self,
        front: Front,
        address: str = "127.0.0.1",
        forwarded_for: str | None = None,
        domain: str = DOMAIN,
    ) -> BoshClient:
        """Somebody at an address, perhaps behind a proxy there that says for whom it asks."""
        headers = {"X-Forwarded-For": forwarded_for} if forwarded_for else {}
        client = BoshClient(http_client(self, address), front.bosh, domain, headers)
        self.addCleanup(client.rest)  # before ECM answers what is held, and is stopped
        return client

    async def register(self, client: BoshClient) -> str:
        """Begin a session and create an account, whose name is returned."""
        name = f"user-{token_hex(4)}"
        await client.create()
        await client.register(name, PASSWORD)
        return name

    async def log_in(self, client: BoshClient) -> BoshClient:
        """Log in with a new account."""
        await client.login(await self.register(client), PASSWORD)
        return client

    async def held(self, client: BoshClient, friend: BoshClient) -> Deferred[Element]:
        """Come online and greet a friend; return the answer that is held once the friend knows."""
        await client.ask(f"<presence xmlns='{CLIENT}'/>")
        held = ensureDeferred(client.ask(f"<presence xmlns='{CLIENT}' to='{friend.jid}'/>"))
        await friend.receive(lambda stanza: stanza.get("from") == client.jid)
        self.assertFalse(held.called)
        return held

    async def assert_chat_crosses(self, front: Front) -> None:
        """Two people talk through this ECM."""
        romeo, juliet = [await self.log_in(self.client(front)) for _ in range(2)]
        for sender, receiver in ((romeo, juliet), (juliet, romeo)):
            sender.send(message(receiver.jid, "hello"))
            self.assertEqual(await receiver.message(), (sender.jid.partition("/")[0], "hello"))
        for client in (romeo, juliet):
            await client.terminate()


class ServiceTestCase(LinkTestCase):
    """A test of what ejabberd does for people who are online."""

    async def people(self, number: int, listener: str = "typed") -> list[BoshClient]:
        """Return new users, who are online over a new ECM."""
        self.entrance = await self.front(listener)
        clients = [await self.log_in(self.client(self.entrance)) for _ in range(number)]
        for client in clients:
            await self.come_online(client)
        return clients

    async def again(self, user: BoshClient, resource: str = "") -> BoshClient:
        """Let a user log in once more, and come online.

        What comes first, as messages that were kept, may come before the user's own presence.
        """
        client = await self.unbound()
        await client.login(name(user), PASSWORD, resource=resource)
        client.send(ONLINE)
        return client

    async def unbound(self, domain: str = DOMAIN) -> BoshClient:
        """Return a session in which nobody has logged in."""
        client = self.newcomer(domain)
        await client.create()
        return client

    def newcomer(self, domain: str = DOMAIN) -> BoshClient:
        """Return a client that has not begun a session."""
        return self.client(self.entrance, domain=domain)

    async def come_online(self, client: BoshClient) -> None:
        client.send(ONLINE)
        await client.receive(lambda stanza: is_presence(stanza, client))

    async def texts(self, client: BoshClient) -> list[str]:
        """Return the texts of all messages that have come for somebody who is online."""
        client.send(message(client.jid, LAST))
        texts = []
        while (text := (await client.message())[1]) != LAST:
            texts.append(text)
        return texts

    async def cut(self, client: BoshClient) -> None:
        """End a session in a way that is not the proper one: the client breaks the rules."""
        with self.assertRaises(Refused):
            await client.ask(rid="1")
        await self.told(client)

    async def told(self, client: BoshClient) -> str:
        """Return what somebody is told at the end of the session."""
        try:
            await client.receive(lambda stanza: False)
        except Refused as refused:
            return str(refused)
        raise AssertionError("the session goes on")

    async def over(self, client: BoshClient, friend: BoshClient) -> None:
        """Wait for the end of a session, as a friend sees it, and for all that it does then.

        It routes what it has left a moment after it has said goodbye, and refuses requests last.
        """
        await friend.receive(lambda stanza: is_presence(stanza, client, "unavailable"))
        with self.assertRaises(Refused):
            await client.ask()

    async def leave(self, *clients: BoshClient) -> None:
        for client in clients:
            await client.terminate()


def name(user: BoshClient) -> str:
    """The local part of somebody's JID."""
    return user.jid.partition("@")[0]


def bare(user: BoshClient) -> str:
    return user.jid.partition("/")[0]


def is_presence(stanza: Element, sender: BoshClient, kind: str | None = None) -> bool:
    """Return whether this is presence of somebody; available presence has no kind."""
    return (stanza.tag, stanza.get("from"), stanza.get("type")) == (
        f"{{{CLIENT}}}presence",
        sender.jid,
        kind,
    )
