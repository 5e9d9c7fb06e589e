"""Logins with SASL2 (XEP-0388) and Bind 2 (XEP-0386), and the sessions that follow."""

from xml.etree.ElementTree import Element

from ecm.tools.bosh.sasl import Scram, plain
from ecm.tools.bosh.stanzas import BIND2, bind2, user_agent
from ecm.tools.demo.plan import DOMAIN
from testkit.bosh_client import SM, BoshClient, Refused
from testkit.link_case import ONLINE, PASSWORD, is_presence
from testkit.listeners import MAX_NEWCOMERS
from testkit.sasl2_case import Sasl2TestCase, process
from testkit.stanzas import message

CARBONS = "urn:xmpp:carbons:2"
FEATURES = "{http://etherx.jabber.org/streams}features"
ENABLE = f"<enable xmlns='{SM}' resume='true'/>"
ROSTER = "<query xmlns='jabber:iq:roster'/>"

# Names of two clients of one user.
PHONE, TABLET = "d4565fa7-4d72-4749-b3d3-740edbf87770", "0e2f1a3c-9b7d-4c55-8a1e-6f5d4c3b2a10"


class LoginTests(Sasl2TestCase):
    async def test_one_request_logs_in_and_binds(self) -> None:
        await self.need_sasl2()
        user = await self.account()
        client = await self.created(user)
        first = client.session.rid
        success = await client.authenticate2(plain(user, PASSWORD), bind2("web"))
        self.assertEqual(client.session.rid, first + 1)
        self.assertIsNotNone(success.find(f"{{{BIND2}}}bound"))
        self.assertRegex(client.jid, f"^{user}@{DOMAIN}/.")
        await client.receive(lambda element: element.tag == FEATURES)
        await self.assert_is_one_as_any_other(client)

    async def test_so_does_the_one_that_begins_the_session(self) -> None:
        await self.need_sasl2()
        user = await self.account()
        client = self.secure()
        await client.begin2(f"{user}@{DOMAIN}", plain(user, PASSWORD), bind2("web"))
        await self.assert_is_one_as_any_other(client)

    async def test_with_a_challenge(self) -> None:
        await self.need_sasl2()
        user = await self.account()
        client = await self.created(user)
        await client.authenticate2(Scram(user, PASSWORD), bind2("web"))
        await self.assert_is_one_as_any_other(client)

    async def test_without_bind2_a_resource_is_bound_as_ever(self) -> None:
        await self.need_sasl2()
        user = await self.account()
        client = await self.created(user)
        success = await client.authenticate2(plain(user, PASSWORD))
        self.assertIsNone(success.find(f"{{{BIND2}}}bound"))
        await client.bind("x")
        self.assertEqual(client.jid, f"{user}@{DOMAIN}/x")
        await self.assert_is_one_as_any_other(client)

    async def assert_is_one_as_any_other(self, client: BoshClient) -> None:
        """The session takes part in everything, hibernates, and keeps nothing of its login."""
        await self.come_online(client)
        [friend] = await self.friends(1)
        await self.assert_talk(client, friend)
        await client.iq("get", ROSTER)
        await self.assert_sleeps(client)
        self.assertEqual(await self.kept_of_sasl2(client), "[]")
        await self.assert_talk(friend, client)
        await client.ask("", **{"xmpp:restart": "true", "to": DOMAIN})  # needless, and harmless
        await self.assert_talk(client, friend)
        await self.leave(client, friend)

    async def friends(self, number: int) -> list[BoshClient]:
        """Return new users who have logged in with SASL, and are online."""
        friends = [await self.log_in(self.client(self.entrance)) for _ in range(number)]
        for friend in friends:
            await self.come_online(friend)
        return friends

    async def test_it_takes_as_little_memory_as_any_other(self) -> None:
        """With Bind 2 it may have the client's ID, by which it is replaced."""
        await self.need_sasl2()
        users = [await self.account() for _ in range(3)]
        named, nameless, other = [await self.created(user) for user in users]
        await named.authenticate2(plain(users[0], PASSWORD), user_agent(PHONE), bind2("web"))
        await nameless.authenticate2(plain(users[1], PASSWORD))
        await nameless.bind(named.jid.partition("/")[2])
        await other.login(users[2], PASSWORD, resource=named.jid.partition("/")[2])
        clients = (named, nameless, other)
        for client in clients:
            await self.come_online(client)
            for _ in range(8):  # so many answers are not remembered
                await client.iq("get", ROSTER)
            await self.assert_sleeps(client)
        with_id, without, sasl = [await self.memory(client) for client in clients]
        self.assertLess(abs(without - sasl), 17)
        self.assertLess(with_id, sasl + 256)
        await self.leave(*clients)

    async def memory(self, client: BoshClient) -> int:
        """Return the bytes of a session's process, with the binaries that are not in its heap."""
        asked = f"""
            [{{memory, Bytes}}, {{binary, Binaries}}] =
                process_info({process(client)}, [memory, binary]),
            Bytes + lists:sum([Size || {{_, Size, _}} <- Binaries])
            """
        return int(await self.shell.evaluate(asked))

    async def test_another_try_after_a_wrong_password(self) -> None:
        await self.need_sasl2()
        user = await self.account()
        client = await self.created(user)
        for _ in range(2):
            with self.assertRaisesRegex(Refused, "^not-authorized$"):
                await client.authenticate2(plain(user, "wrong"), bind2("web"))
        await client.authenticate2(plain(user, PASSWORD), bind2("web"))
        await self.come_online(client)
        with_sasl = await self.created(user)
        with self.assertRaisesRegex(Refused, "^not-authorized$"):
            await with_sasl.authenticate2(plain(user, "wrong"), bind2("web"))
        await with_sasl.login(user, PASSWORD)
        await self.leave(client, with_sasl)

    async def test_nobody_logs_in_as_somebody_else_than_the_stream_says(self) -> None:
        await self.need_sasl2()
        romeo, juliet = [await self.account() for _ in range(2)]
        client = await self.created(romeo)
        with self.assertRaisesRegex(Refused, "^not-authorized$"):
            await client.authenticate2(plain(juliet, PASSWORD), bind2("web"))
        await self.leave(client)

    async def test_who_has_logged_in_is_no_newcomer(self) -> None:
        """Neither for the limit of those at one address, nor for that of what is sent."""
        await self.need_sasl2("guarded")
        user = await self.account()
        clients = [await self.logged_in(user) for _ in range(MAX_NEWCOMERS + 2)]
        await self.come_online(clients[0])
        clients[0].send(message(clients[0].jid, "x" * 20_000))
        self.assertEqual(len((await clients[0].message())[1]), 20_000)
        await self.leave(*clients)


class ReplacementTests(Sasl2TestCase):
    """A client that comes again replaces its former session, and no other."""

    async def login(self, user: str, identity: str) -> BoshClient:
        client = await self.created(user)
        ua = user_agent(identity)
        await client.authenticate2(plain(user, PASSWORD), ua, bind2("web"))
        client.send(ONLINE)
        return client

    async def test_the_same_client(self) -> None:
        await self.need_sasl2()
        user = await self.account()
        before = await self.login(user, PHONE)
        other = await self.login(user, TABLET)
        after = await self.login(user, PHONE)
        self.assertEqual(after.jid, before.jid)
        self.assertNotEqual(other.jid, before.jid)
        self.assertEqual(await self.told(before), "remote-stream-error conflict text")
        await after.receive(lambda stanza: is_presence(stanza, after))
        await self.assert_talk(after, other)
        await self.leave(after, other)

    async def test_under_another_name_of_its_kind(self) -> None:
        """The resource differs, the client's ID does not."""
        await self.need_sasl2()
        user = await self.account()
        before = await self.login(user, PHONE)
        await self.assert_sleeps(before)
        after = await self.created(user)
        ua = user_agent(PHONE)
        await after.authenticate2(plain(user, PASSWORD), ua, bind2("desktop"))
        self.assertNotEqual(after.jid, before.jid)
        self.assertEqual(await self.told(before), "remote-stream-error conflict text")
        await self.leave(after)

    async def test_one_that_is_kicked(self) -> None:
        await self.need_sasl2()
        user = await self.account()
        client = await self.login(user, PHONE)
        await self.assert_sleeps(client)
        await self.ejabberd.control("kick_user", user, DOMAIN)
        self.assertIn("remote-stream-error", await self.told(client))


class InlineTests(Sasl2TestCase):
    """Extensions that the login switches on: carbons (XEP-0280), stream management (XEP-0198)."""

    async def test_carbons(self) -> None:
        await self.need_sasl2()
        user = await self.account()
        one = await self.logged_in(user, f"<enable xmlns='{CARBONS}'/>", tag="one")
        two = await self.logged_in(user, tag="two")
        [juliet] = [await self.log_in(self.client(self.entrance))]
        for client in (one, two, juliet):
            await self.come_online(client)
        juliet.send(message(two.jid, "for two"))
        copy = await one.receive(lambda stanza: stanza.find(f"{{{CARBONS}}}received") is not None)
        self.assertIn("for two", [element.text for element in copy.iter()])
        await self.leave(one, two, juliet)

    async def test_a_stream_is_resumed_with_the_login(self) -> None:
        await self.need_sasl2()
        user = await self.account()
        [juliet] = [await self.log_in(self.client(self.entrance))]
        await self.come_online(juliet)
        romeo = await self.created(user)
        success = await romeo.authenticate2(plain(user, PASSWORD), bind2("web", ENABLE))
        stream = enabled(success).get("id", "")
        await self.come_online(romeo)
        for text in ("received", "lost"):
            juliet.send(message(romeo.jid, text))
            await romeo.message()
        await self.cut(romeo)
        juliet.send(message(romeo.jid, "sent meanwhile"))
        await self.texts(juliet)

        again = await self.created(user)
        first = again.session.rid
        # One presence and one message have come.
        resume = f"<resume xmlns='{SM}' previd='{stream}' h='2'/>"
        success = await again.authenticate2(plain(user, PASSWORD), resume, bind2("web"))
        self.assertEqual(again.session.rid, first + 1)
        self.assertIsNotNone(success.find(f"{{{SM}}}resumed"))
        self.assertIsNone(success.find(f"{{{BIND2}}}bound"))
        again.jid = romeo.jid
        self.assertEqual(await self.texts(again), ["lost", "sent meanwhile"])
        await self.assert_talk(again, juliet)
        await self.assert_sleeps(again)
        self.assertEqual(await self.kept_of_sasl2(again), "[]")
        await self.leave(again, juliet)

    async def test_where_there_is_no_stream_to_resume_a_resource_is_bound(self) -> None:
        await self.need_sasl2()
        user = await self.account()
        client = await self.created(user)
        resume = f"<resume xmlns='{SM}' previd='nothing' h='0'/>"
        success = await client.authenticate2(plain(user, PASSWORD), resume, bind2("web", ENABLE))
        self.assertIsNotNone(success.find(f"{{{SM}}}failed"))
        self.assertIsNotNone(enabled(success))
        await self.come_online(client)
        await self.leave(client)


def enabled(success: Element) -> Element:
    """Return the answer to the request for stream management."""
    [found] = success.iterfind(f"{{{BIND2}}}bound/{{{SM}}}enabled")
    return found
