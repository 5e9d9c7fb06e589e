"""Streams whose clients have not logged in, and those of one user: bounded as over BOSH."""

import contextlib
from secrets import token_hex

from ecm.tools.bosh.stanzas import SASL
from ecm.tools.demo.plan import DOMAIN
from testkit.bosh_client import CLIENT, REGISTER, Refused
from testkit.erlang_shell import ErlangShell
from testkit.link_case import ONLINE, PASSWORD, LinkTestCase
from testkit.listeners import MAX_GUESSES, MAX_NEWCOMERS, MAX_RESOURCES
from testkit.node_load import NodeLoad
from testkit.stanzas import message
from testkit.stream_client import StreamClient
from testkit.streaming_end import StreamingEnd

# Streams of each attack after which the memory of the node is looked at, and the bytes by which it
# may have grown: heaps of ejabberd's own processes go up and down by that. What the attackers have
# sent is ten times as much.
ATTACKERS = 20
ALLOWANCE = 2_500_000

QUERY = f"<iq xmlns='{CLIENT}' type='get' id='1'><query xmlns='{REGISTER}'/></iq>"
LONG = "x" * 90_000

# By the kind of stream. Over TCP, what is not complete is bounded while it comes.
TOO_MUCH = {
    "websocket": {
        "a token": f"<auth xmlns='{SASL}' mechanism='PLAIN'>{LONG}</auth>",
        "attributes": "<a xmlns='urn:a'" + "".join(f" b{n}=''" for n in range(2_000)) + "/>",
        "elements": QUERY.replace("<query", "<a/>" * 32 + "<query"),
        "elements in each other": "<a>" * 33 + "</a>" * 33,
    },
    "tcp": {
        "a token": f"<auth xmlns='{SASL}' mechanism='PLAIN'>{LONG}</auth>",
        "a token without an end": f"<auth xmlns='{SASL}' mechanism='PLAIN'>{LONG}",
        "an attribute without an end": f"<a b='{LONG}",
        "depth": "<a>" * 300,
        "elements": QUERY.replace("<query", "<a/>" * 32 + "<query"),
        "stanzas": QUERY * 17,
    },
}


class NewcomersCase(LinkTestCase):
    timeout = 120

    async def begin(self, listener: str = "typed") -> None:
        self.link = await StreamingEnd.connect(self, self.ejabberd.listeners.port(listener))
        self.strangers = 0

    def stream(self, address: str, kind: str = "websocket") -> StreamClient:
        return StreamClient(self.link, DOMAIN, f"{kind} peer={address}:51234 secure=1")

    async def begun(self, address: str, kind: str = "websocket") -> StreamClient:
        client = self.stream(address, kind)
        await client.create()
        return client

    async def account(self, address: str) -> str:
        """Return the name of a new user."""
        client = await self.begun(address)
        name = f"user-{token_hex(4)}"
        await client.register(name, PASSWORD)
        await client.terminate()
        return name


class NewcomersTests(NewcomersCase):
    async def test_those_beyond_the_limit_of_an_address_are_refused(self) -> None:
        await self.begin("guarded")
        name = await self.account("192.0.2.80")
        strangers = [await self.begun("192.0.2.81") for _ in range(MAX_NEWCOMERS)]
        with self.assertRaisesRegex(Refused, "^close refused$"):
            await self.begun("192.0.2.81")
        await self.begun("192.0.2.82")  # which is another one
        await strangers[0].login(name, PASSWORD)
        await self.begun("192.0.2.81")

    async def test_those_who_leave_make_room(self) -> None:
        await self.begin("guarded")
        strangers = [await self.begun("192.0.2.83") for _ in range(MAX_NEWCOMERS)]
        strangers[0].vanish()
        while True:
            with contextlib.suppress(Refused):
                await self.begun("192.0.2.83")
                break

    async def test_who_guesses_passwords_is_banned_alone(self) -> None:
        await self.begin()
        name = await self.account("192.0.2.84")
        guesser = await self.begun("192.0.2.85")
        for _ in range(MAX_GUESSES):
            with self.assertRaises(Refused):
                await guesser.authenticate(name, "a guess")
        banned = "Connection attempt from blacklisted IP 192.0.2.85"
        await self.log.printed(banned)  # at the last guess
        again = self.stream("192.0.2.85")
        with self.assertRaises(Refused):
            await again.create()
        await self.log.printed(f"(?s){banned}.*{banned}")
        neighbour = await self.begun("192.0.2.86")
        await neighbour.login(name, PASSWORD)
        await neighbour.terminate()

    async def test_too_many_resources_of_a_user_end_the_oldest(self) -> None:
        await self.begin()
        name = await self.account("127.0.0.1")
        clients = []
        for _ in range(MAX_RESOURCES + 1):
            clients.append(await self.begun("127.0.0.1"))
            await clients[-1].login(name, PASSWORD)
        oldest, *others = clients
        self.assertEqual(await oldest.told(), ("conflict", "close end"))
        for client in others:
            await client.terminate()


class FloodTests(NewcomersCase):
    async def test_too_much_before_the_login_ends_a_stream(self) -> None:
        await self.begin()
        for kind, attacks in TOO_MUCH.items():
            for attack in attacks:
                with self.subTest(f"{kind}: {attack}"):
                    await self.attack(kind, attack)

    async def test_nobody_else_notices(self) -> None:
        await self.begin()
        romeo, juliet = [await self.online() for _ in range(2)]
        shell = ErlangShell.start(self, self.ejabberd.node)
        attacks = [(kind, attack) for kind, each in TOO_MUCH.items() for attack in each]
        for kind, attack in attacks:  # loads code and fills tables
            await self.attack(kind, attack)
        before = await NodeLoad.look(shell)
        for kind, attack in attacks:
            for _ in range(ATTACKERS):
                await self.attack(kind, attack)
            romeo.send(message(juliet.jid, attack))
            self.assertEqual((await juliet.message())[1], attack)
        after = await NodeLoad.look(shell)
        self.assertLessEqual(after.sessions, before.sessions)
        self.assertLess(after.memory, before.memory + ALLOWANCE)
        for client in (romeo, juliet):
            await client.terminate()

    async def online(self) -> StreamClient:
        client = await self.begun("127.0.0.1")
        await client.login(await self.account("127.0.0.1"), PASSWORD)
        client.send(ONLINE)
        return client

    async def attack(self, kind: str, name: str) -> None:
        """Somebody at an address of its own sends too much, and is told so."""
        self.strangers += 1
        address = f"198.51.{100 + self.strangers // 250}.{1 + self.strangers % 250}"
        attacker = await self.begun(address, kind)
        attacker.send(TOO_MUCH[kind][name])
        self.assertEqual(await attacker.told(), ("policy-violation", "close end"))
