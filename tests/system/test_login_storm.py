"""Many who log in at once: those beyond ``max_logins`` wait for their turn, and the others chat."""

from xml.etree.ElementTree import Element

from twisted.internet import reactor
from twisted.internet.defer import Deferred, ensureDeferred, gatherResults

from testkit.bosh_client import BoshClient
from testkit.erlang_shell import ErlangShell
from testkit.link_case import PASSWORD, Front, LinkTestCase
from testkit.stanzas import message

# Users who come at once.
CROWD = 25

# After a storm more logins may be in progress. That ends with the process that counts them.
FORGET_STORMS = "supervisor:terminate_child(ecm_sup, {0}), supervisor:restart_child(ecm_sup, {0})"

LOGIN_TIME = 2  # seconds for which a login keeps others out, at most


class LoginStormTests(LinkTestCase):
    """At a listener where one login is in progress at a time."""

    async def account(self, front: Front) -> str:
        """Return the name of a new account; nobody is there any more."""
        client = self.client(front)
        name = await self.register(client)
        await client.terminate()
        return name

    async def occupy(self, front: Front) -> BoshClient:
        """Begin a session, and do not log in. Nobody else can begin for up to two seconds."""
        stranger = self.client(front, "127.0.0.61")
        await stranger.create()
        return stranger

    def come(self, front: Front) -> Deferred[Element]:
        """Begin a session from another address."""
        return ensureDeferred(self.client(front, "127.0.0.62").create())

    async def come_back(self, front: Front, name: str) -> None:
        client = self.client(front)
        await client.create()
        await client.login(name, PASSWORD)

    async def chat(self, one: BoshClient, other: BoshClient) -> None:
        for sender, receiver in ((one, other), (other, one)):
            sender.send(message(receiver.jid, "hello"))
            self.assertEqual(await receiver.message(), (sender.jid.partition("/")[0], "hello"))

    async def test_a_newcomer_waits_until_another_has_logged_in(self) -> None:
        front = await self.front("paced")
        name = await self.account(front)
        shell = ErlangShell.start(self, self.ejabberd.node)
        await shell.evaluate(FORGET_STORMS.format("ecm_c2s_logins"))
        began = reactor.seconds()
        user = await self.occupy(front)
        waits = self.come(front)
        await user.authenticate(name, PASSWORD)
        in_time = reactor.seconds() - began < LOGIN_TIME
        self.assertFalse(in_time and waits.called)
        await user.bind()
        await waits

    async def test_whoever_does_not_log_in_keeps_nobody_out(self) -> None:
        front = await self.front("paced")
        await self.occupy(front)
        await self.come(front)

    async def test_a_crowd_comes_in_while_others_chat(self) -> None:
        front = await self.front("paced")
        names = [await self.account(front) for _ in range(CROWD)]
        romeo, juliet = [await self.log_in(self.client(front)) for _ in range(2)]
        await self.occupy(front)
        crowd = [ensureDeferred(self.come_back(front, name)) for name in names]
        await self.log.printed("Login storm: [0-9]+ new sessions wait for their turn")
        await self.chat(romeo, juliet)
        await gatherResults(crowd)
        over = await self.log.printed("Login storm: over after .* ([0-9]+) new sessions have begun")
        self.assertGreater(int(over[1]), 0)
