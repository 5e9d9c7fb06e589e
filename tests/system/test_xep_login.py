"""Authentication: the ways to log in, accounts, and what ends a login."""

from base64 import b64encode
from typing import Any

from ecm.tools.bosh.stanzas import SASL
from ecm.tools.demo.plan import DOMAIN
from testkit.bosh_client import CLIENT, REGISTER, BoshClient, Refused
from testkit.link_case import PASSWORD, ServiceTestCase, bare, is_presence, name
from testkit.listeners import ANONYMOUS_DOMAIN
from testkit.stanzas import message
from testkit.stream_services import OverTcp, OverWebSocket

COMMANDS = "http://jabber.org/protocol/commands"
DISCO = "http://jabber.org/protocol/disco#info"

AUTH = f"<auth xmlns='{SASL}' mechanism='PLAIN'>{{login}}</auth>"
AGAIN = "<presence xmlns='jabber:client'><status>{login}</status></presence>"

# Of the first host; the second one has ANONYMOUS, too.
MECHANISMS = {"PLAIN", "SCRAM-SHA-1", "X-OAUTH2"}


class MechanismTests(ServiceTestCase):
    async def test_a_host_with_passwords_offers_those_that_are_tested_here(self) -> None:
        self.assertEqual(await self.offered(DOMAIN), MECHANISMS)

    async def test_passwords_are_taken_and_wrong_ones_are_not(self) -> None:
        [user] = await self.people(1)
        for mechanism in ("PLAIN", "SCRAM-SHA-1"):
            client = await self.unbound()
            with self.assertRaises(Refused):
                await client.authenticate(name(user), "wrong", mechanism)
            await client.login(name(user), PASSWORD, mechanism)  # after another try
            self.assertEqual(bare(client), bare(user))
            await client.terminate()
        await self.leave(user)

    async def test_a_wrong_token_is_refused_and_another_try_is_free(self) -> None:
        """There are no right ones: Debian's ejabberd has no library to issue them."""
        [user] = await self.people(1)
        client = await self.unbound()
        with self.assertRaises(Refused):
            await client.authenticate(name(user), "wrong", "X-OAUTH2")
        await client.login(name(user), PASSWORD)
        await self.leave(user, client)

    async def test_who_is_anonymous_gets_a_name(self) -> None:
        self.assertEqual(await self.offered(ANONYMOUS_DOMAIN), {"ANONYMOUS", "PLAIN"})
        one, other = [await self.unbound(ANONYMOUS_DOMAIN) for _ in range(2)]
        for client in (one, other):
            await client.login("", "", "ANONYMOUS")
            self.assertRegex(client.jid, f".@{ANONYMOUS_DOMAIN}/.")
        self.assertNotEqual(bare(one), bare(other))
        one.send(message(other.jid, "who are you?"))
        self.assertEqual(await other.message(), (bare(one), "who are you?"))
        await self.leave(one, other)

    async def offered(self, domain: str) -> set[str | None]:
        """Return the mechanisms that a host offers at an ECM that this starts."""
        await self.people(0)
        client = self.newcomer(domain)
        features = await client.create()
        await client.terminate()
        return {element.text for element in features.iter(f"{{{SASL}}}mechanism")}


class OrderTests(ServiceTestCase):
    """A client does not wait for the answer to its login, or does not begin its stream anew."""

    timeout = 60

    async def test_what_comes_with_a_login_ends_the_session(self) -> None:
        await self.assert_refused(f"{AUTH}{AGAIN}")

    async def test_what_comes_behind_a_login_ends_the_session(self) -> None:
        await self.assert_refused(AUTH, AGAIN)
        await self.assert_refused(AUTH, f"<x xmlns='urn:example'>{'<a/>' * 10_000}</x>")

    async def assert_refused(self, *payloads: str) -> None:
        """And nothing of it is in the log of ejabberd."""
        [user] = await self.people(1)
        login = b64encode(f"\0{name(user)}\0{PASSWORD}".encode()).decode()
        before = len(self.ejabberd_log)
        client = await self.unbound()
        with self.assertRaises(Refused):
            for payload in payloads:
                await self.say(client, payload.format(login=login))
            await self.say(client, "")
        await self.leave(user)
        said = self.ejabberd_log[before:]
        self.assertNotIn("unexpected event", said)
        self.assertNotIn(login, said)

    @property
    def ejabberd_log(self) -> str:
        return self.ejabberd.node.console_log.read_text()

    async def say(self, client: BoshClient, payload: str) -> None:
        await client.ask(payload)


class SaysAtOnce:
    """A client of a stream, which does not wait for answers."""

    async def say(self, client: Any, payload: str) -> None:
        if payload:
            client.send(payload)
        else:
            await client.receive(lambda element: False)


class OrderOverWebSocketTests(SaysAtOnce, OverWebSocket, OrderTests):
    pass


class OrderOverTcpTests(SaysAtOnce, OverTcp, OrderTests):
    pass


class MechanismOverWebSocketTests(OverWebSocket, MechanismTests):
    pass


class MechanismOverTcpTests(OverTcp, MechanismTests):
    pass


class AccountTests(ServiceTestCase):
    async def test_who_removes_the_account_is_gone(self) -> None:
        [user] = await self.people(1)
        removal = f"<query xmlns='{REGISTER}'><remove/></query>"
        user.send(f"<iq xmlns='{CLIENT}' type='set' id='remove'>{removal}</iq>")
        self.assertIn("remote-stream-error conflict", await self.told(user))
        client = await self.unbound()
        with self.assertRaises(Refused):
            await client.login(name(user), PASSWORD)
        await self.leave(client)

    async def test_a_changed_password_is_the_one_from_then_on(self) -> None:
        [user] = await self.people(1)
        account = f"<username>{name(user)}</username><password>new</password>"
        await user.iq("set", f"<query xmlns='{REGISTER}'>{account}</query>")
        client = await self.unbound()
        with self.assertRaises(Refused):
            await client.login(name(user), PASSWORD)
        await client.login(name(user), "new")
        await self.leave(user, client)


class AccountOverWebSocketTests(OverWebSocket, AccountTests):
    pass


class AccountOverTcpTests(OverTcp, AccountTests):
    pass


class EndTests(ServiceTestCase):
    """Ends that the server sets."""

    async def test_a_session_that_is_kicked(self) -> None:
        romeo, juliet = await self.people(2)
        self.assertIn(romeo.jid, await self.connected())
        juliet.send(f"<presence xmlns='{CLIENT}' to='{romeo.jid}'/>")
        romeo.send(f"<presence xmlns='{CLIENT}' to='{juliet.jid}'/>")
        await juliet.receive(lambda stanza: is_presence(stanza, romeo))
        resource = romeo.jid.partition("/")[2]
        await self.ejabberd.control("kick_session", name(romeo), DOMAIN, resource, "go away")
        self.assertEqual(await self.told(romeo), "remote-stream-error conflict text")
        await juliet.receive(lambda stanza: is_presence(stanza, romeo, "unavailable"))
        self.assertNotIn(romeo.jid, await self.connected())
        await self.leave(juliet)

    async def test_a_second_login_with_the_same_resource_ends_the_first(self) -> None:
        [first] = await self.people(1)
        second = await self.again(first, resource=first.jid.partition("/")[2])
        self.assertEqual(second.jid, first.jid)
        self.assertIn("remote-stream-error conflict", await self.told(first))
        self.assertEqual(await self.texts(second), [])
        await self.leave(second)

    async def connected(self) -> list[str]:
        """Return the JIDs that ejabberd says are there."""
        return (await self.ejabberd.control("connected_users")).split()


class EndOverWebSocketTests(OverWebSocket, EndTests):
    pass


class EndOverTcpTests(OverTcp, EndTests):
    pass


class EndedTests(ServiceTestCase):
    async def test_who_was_kicked_is_told_again(self) -> None:
        [user] = await self.people(1)
        resource = user.jid.partition("/")[2]
        await self.ejabberd.control("kick_session", name(user), DOMAIN, resource, "go away")
        self.assertEqual(await self.told(user), "remote-stream-error conflict text")
        with self.assertRaisesRegex(Refused, "remote-stream-error conflict"):
            await user.ask()


class ServerTests(ServiceTestCase):
    async def test_it_says_what_it_can_do(self) -> None:
        [user] = await self.people(1)
        info = f"<query xmlns='{DISCO}'/>"
        user.send(f"<iq xmlns='{CLIENT}' type='get' to='{DOMAIN}' id='info'>{info}</iq>")
        result = await user.receive(lambda stanza: stanza.get("id") == "info")
        features = {feature.get("var") for feature in result.iter(f"{{{DISCO}}}feature")}
        self.assertLessEqual({DISCO, COMMANDS, REGISTER}, features)
        await self.leave(user)

    async def test_it_runs_a_command(self) -> None:
        [user] = await self.people(1)
        command = f"<command xmlns='{COMMANDS}' node='ping' action='execute'/>"
        user.send(f"<iq xmlns='{CLIENT}' type='set' to='{DOMAIN}' id='run'>{command}</iq>")
        result = await user.receive(lambda stanza: stanza.get("id") == "run")
        [ran] = result.iter(f"{{{COMMANDS}}}command")
        self.assertEqual(ran.get("status"), "completed")
        self.assertEqual(ran.findtext(f"{{{COMMANDS}}}note"), "Pong")
        await self.leave(user)


class ServerOverWebSocketTests(OverWebSocket, ServerTests):
    pass


class ServerOverTcpTests(OverTcp, ServerTests):
    pass
