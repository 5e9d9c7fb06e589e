"""Sessions whose clients have not logged in: what they send is little, or ends them."""

from base64 import b64encode
from collections.abc import Awaitable, Callable

from treq import content
from twisted.internet.defer import ensureDeferred, gatherResults

from ecm.tools.bosh.body import NAMESPACE, creation
from ecm.tools.bosh.sasl import Scram
from ecm.tools.bosh.stanzas import SASL
from ecm.tools.demo.plan import DOMAIN
from testkit.bosh_client import BIND, CLIENT, REGISTER, BoshClient, Refused, http_client
from testkit.erlang_shell import ErlangShell
from testkit.link_case import PASSWORD, ServiceTestCase, name
from testkit.node_load import NodeLoad
from testkit.stanzas import message

# The limits of a body before the login, in bytes and elements.
MAX_BYTES = 8192
MAX_ELEMENTS = 32

POLICY = "remote-stream-error policy-violation"

# Sessions of each attack after which the memory of the node is looked at, and the bytes by which it
# may have grown: heaps of ejabberd's own processes go up and down by that. What the attackers have
# sent is ten times as much.
ATTACKERS = 20
ALLOWANCE = 2_500_000

# The same while nothing has been collected yet.
PEAK = 10_000_000

# A line about the end of a session in which somebody has logged in: of an earlier test, late.
OTHERS = "Closing c2s session for user-"


def auth(initial: str, mechanism: str = "PLAIN") -> str:
    return f"<auth xmlns='{SASL}' mechanism='{mechanism}'>{initial}</auth>"


def query(identifier: str = "1", inside: str = "") -> str:
    """A question that may be asked before the login."""
    question = f"<query xmlns='{REGISTER}'>{inside}</query>"
    return f"<iq xmlns='{CLIENT}' type='get' id='{identifier}'>{question}</iq>"


# Below the limit of the listener, which has no stream error.
TOO_MUCH = {
    "a token": auth("A" * 90_000),
    "a token without an end": f"<auth xmlns='{SASL}' mechanism='PLAIN'>" + "A" * 90_000,
    "white space": " " * 90_000,
    "an attribute": f"<a xmlns='urn:example' b='{'x' * 90_000}'/>",
    "attributes": "<a xmlns='urn:example'" + "".join(f" b{n}=''" for n in range(8_000)) + "/>",
    "namespaces": "<a" + "".join(f" xmlns:b{n}='urn:{n}'" for n in range(3_000)) + "/>",
    "depth": "<a>" * 30_000,
    "character references": f"<a xmlns='urn:example'>{'&#65;' * 15_000}</a>",
    "elements": "<a xmlns='urn:example'/>" * (MAX_ELEMENTS + 1),
    "elements in one": query(inside="<a/>" * (MAX_ELEMENTS - 1)),
    "elements in each other": "<a>" * (MAX_ELEMENTS + 1),
    "stanzas": query() * 17,
}

Step = Callable[["BeforeLoginTests"], Awaitable[BoshClient]]


async def fresh(test: "BeforeLoginTests") -> BoshClient:
    return await test.stranger()


async def failed(test: "BeforeLoginTests") -> BoshClient:
    client = await test.stranger()
    await client.ask(auth("=", "NO-SUCH-MECHANISM"))
    return client


async def challenged(test: "BeforeLoginTests") -> BoshClient:
    client = await test.stranger()
    scram = Scram(test.known, PASSWORD)
    [challenge] = await client.ask(auth(b64encode(scram.first()).decode(), scram.name))
    test.assertEqual(challenge.tag, f"{{{SASL}}}challenge")
    return client


async def registering(test: "BeforeLoginTests") -> BoshClient:
    client = await test.stranger()
    await client.ask(query())
    return client


STEPS: list[Step] = [fresh, failed, challenged, registering]


class BeforeLoginTests(ServiceTestCase):
    timeout = 120

    def setUp(self) -> None:
        super().setUp()
        self._strangers = 0

    async def stranger(self) -> BoshClient:
        """Begin a session at an address of its own: who fails too often there is banned."""
        client = self.client(self.entrance, self.another_address())
        await client.create()
        return client

    def another_address(self) -> str:
        self._strangers += 1
        return f"127.0.{100 + self._strangers // 250}.{1 + self._strangers % 250}"

    async def begun_with(self, stanzas: str) -> str:
        """Return the answer to a request that begins a session and has stanzas."""
        attributes = creation(DOMAIN, 60, hold=1).decode()
        return await self.answer(
            f"<body rid='1'{attributes} xmlns='{NAMESPACE}'>{stanzas}</body>".encode()
        )

    async def test_too_much_ends_a_session_at_each_step_before_the_login(self) -> None:
        [user] = await self.people(1)
        self.known = name(user)
        for step in STEPS:
            for attack, payload in TOO_MUCH.items():
                with self.subTest(f"{step.__name__}: {attack}"):
                    client = await step(self)
                    with self.assertRaisesRegex(Refused, POLICY):
                        await client.ask(payload)
                    with self.assertRaisesRegex(Refused, POLICY):  # told again
                        await client.ask()
        await self.leave(user)

    async def test_too_much_begins_no_session(self) -> None:
        await self.people(0)
        for attack, payload in TOO_MUCH.items():
            with self.subTest(attack):
                answer = await self.begun_with(payload)
                self.assertRegex(answer, "type='terminate'")
                self.assertRegex(answer, "policy-violation")

    async def test_a_body_of_the_limits_is_read(self) -> None:
        await self.people(0)
        client = await self.stranger()
        inside = "<a/>" * (MAX_ELEMENTS - 2)
        others = len(client.session.body(client.session.rid, query("", inside).encode()))
        longest = "x" * (MAX_BYTES - others)
        [result] = await client.ask(query(longest, inside))
        self.assertEqual(result.get("id"), longest)
        with self.assertRaisesRegex(Refused, POLICY):
            await client.ask(query(f"{longest}x", inside))

    async def test_long_tokens_are_read(self) -> None:
        """There are no right ones: Debian's ejabberd has no library to issue them."""
        [user] = await self.people(1)
        client = await self.stranger()
        with self.assertRaisesRegex(Refused, "not-authorized"):
            await client.authenticate(name(user), "t" * 4_096, "X-OAUTH2")
        await client.login(name(user), PASSWORD)
        client.send(message(user.jid, "x" * 2 * MAX_BYTES))
        self.assertEqual(len((await user.message())[1]), 2 * MAX_BYTES)
        await self.leave(client, user)

    async def test_what_comes_out_of_order_is_little(self) -> None:
        """It ends the session when its turn comes."""
        await self.people(0)
        client = await self.stranger()
        first, second = client.next_body(), client.next_body(TOO_MUCH["a token"])
        answers = [ensureDeferred(self.answer(body)) for body in (second, first)]
        early, missing = await gatherResults(answers)
        self.assertRegex(missing, "^<body [^>]*/>$")  # one request may be held
        self.assertRegex(early, "type='terminate'.*<policy-violation")

    async def answer(self, body: bytes) -> str:
        http = http_client(self, self.another_address())
        return (await content(await http.post(self.entrance.bosh, data=body))).decode()

    async def test_what_waits_for_acknowledgement_is_little(self) -> None:
        """Each answer repeats what the client has sent, which does not say that it has it."""
        await self.people(0)
        client = self.client(self.entrance, self.another_address())
        await client.create(ack="1")
        with self.assertRaisesRegex(Refused, "policy-violation"):
            for _ in range(40):
                await client.ask(query("x" * 7_000), ack=str(client.session.rid - 20))

    async def test_nothing_else_is_possible_before_the_login(self) -> None:
        await self.people(0)
        client = await self.stranger()
        with self.assertRaisesRegex(Refused, "remote-stream-error not-authorized"):
            await client.iq("set", f"<bind xmlns='{BIND}'/>")

    async def test_nobody_else_notices(self) -> None:
        romeo, juliet = await self.people(2)
        shell = ErlangShell.start(self, self.ejabberd.node)
        for attack in TOO_MUCH:  # loads code and fills tables
            await self.attack(attack)
        before = await NodeLoad.look(shell)
        logged = len(self.log.output)
        for attack in TOO_MUCH:
            for _ in range(ATTACKERS):
                await self.attack(attack)
            peak = int(await shell.evaluate("erlang:memory(total)"))
            self.assertLess(peak, before.memory + PEAK)
            romeo.send(message(juliet.jid, attack))
            self.assertEqual((await juliet.message())[1], attack)
        after = await NodeLoad.look(shell)
        self.assertLessEqual(after.sessions, before.sessions)
        self.assertLess(after.memory, before.memory + ALLOWANCE)
        lines = [line for line in self.log.output[logged:].splitlines() if OTHERS not in line]
        self.assertLess(len(lines), ATTACKERS)  # one in ten seconds
        self.assertEqual([line for line in lines if "ended before the login" not in line], [])
        await self.leave(romeo, juliet)

    async def attack(self, name: str) -> None:
        attacker = await self.stranger()
        with self.assertRaisesRegex(Refused, POLICY):
            await attacker.ask(TOO_MUCH[name])
