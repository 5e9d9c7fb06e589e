"""Streams, whose sessions are mod_ecm's: clients over WebSocket beside clients over BOSH.

The link and the WebSockets are by hand, without ECM's.
"""

import re
from base64 import b64encode
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from secrets import token_hex
from unittest import SkipTest

from twisted.internet.defer import ensureDeferred

from ecm.tools.bosh.sasl import Scram, Token, plain
from ecm.tools.bosh.stanzas import FAST, SASL2, bind2, user_agent
from ecm.tools.demo.plan import DOMAIN
from testkit.bosh_client import CLIENT, ROSTER, BoshClient, Refused
from testkit.erlang_shell import ErlangShell
from testkit.link_case import LAST, ONLINE, PASSWORD, ServiceTestCase
from testkit.listeners import BARRED_ADDRESS, MAX_WAITING
from testkit.session_probe import is_asleep
from testkit.stanzas import message
from testkit.stream_client import StreamClient
from testkit.streaming_end import WINDOW, StreamingEnd

CARBONS = "urn:xmpp:carbons:2"
MUC = "http://jabber.org/protocol/muc"
FITTING = 7  # messages of 10,000 characters that a client gets which gives nothing back

# What ECM tells of a client's TLS connection, and its stream.
BINDING = bytes(range(32))
BOUND = f"tcp peer=192.0.2.7:51234 secure=1 cb={b64encode(BINDING).decode()}"
UNBOUND = "tcp peer=192.0.2.7:51234 secure=1"
PHONE = "d4565fa7-4d72-4749-b3d3-740edbf87770"  # the client that has a token
REQUEST = f"<request-token xmlns='{FAST}' mechanism='HT-SHA-256-NONE'/>"
USES_TOKEN = f"<fast xmlns='{FAST}'/>"
MECHANISMS = "{urn:ietf:params:xml:ns:xmpp-sasl}mechanism"

Client = BoshClient | StreamClient


def name(client: Client) -> str:
    return client.jid.partition("@")[0]


def bare(client: Client) -> str:
    return client.jid.partition("/")[0]


class StreamTestCase(ServiceTestCase):
    async def begin(self, listener: str = "typed") -> None:
        """Connect to a listener, and start an ECM for a friend, who is online over BOSH."""
        [self.friend] = await self.people(1, listener)
        self.link = await StreamingEnd.connect(self, self.ejabberd.listeners.port(listener))
        self.shell = ErlangShell.start(self, self.ejabberd.node)

    def stream(self, line: str = "websocket peer=192.0.2.7:51234 secure=1") -> StreamClient:
        return StreamClient(self.link, DOMAIN, line)

    async def account(self) -> str:
        """Return the name of a new user, who is not online."""
        client = self.client(self.entrance)
        user = await self.register(client)
        await client.terminate()
        return user

    async def user(self, account: str = "", resource: str = "") -> StreamClient:
        """Return somebody who is online over a stream."""
        client = await self.logged_in(account or await self.account(), resource)
        await self.appear(client)
        return client

    async def back(self, user: StreamClient) -> StreamClient:
        """Let a user come online once more. What was kept may come before the presence."""
        client = await self.logged_in(name(user))
        client.send(ONLINE)
        return client

    async def logged_in(self, account: str, resource: str = "") -> StreamClient:
        client = self.stream()
        await client.create()
        await client.login(account, PASSWORD, resource=resource)
        return client

    async def appear(self, client: StreamClient) -> None:
        client.send(ONLINE)
        tag = f"{{{CLIENT}}}presence"
        await client.receive(lambda el: el.tag == tag and el.get("from") == client.jid)

    async def texts_of(self, client: StreamClient) -> list[str]:
        """Return the texts of all messages that have come."""
        client.send(message(client.jid, LAST))
        texts = []
        while (text := (await client.message())[1]) != LAST:
            texts.append(text)
        return texts

    async def asleep(self, client: StreamClient) -> None:
        """Wait until the session rests. It must hibernate then."""
        self.assertEqual(await self.shell.evaluate(is_asleep(client.jid)), "true")

    async def stored(self, client: Client, count: int) -> None:
        """Wait until so many messages are stored for somebody who is not online."""
        asked = f'mod_offline:count_offline_messages(<<"{name(client)}">>, <<"{DOMAIN}">>)'
        while await self.shell.evaluate(asked) != str(count):
            pass


class TalkTests(StreamTestCase):
    async def test_people_over_bosh_and_over_websocket_talk(self) -> None:
        await self.begin()
        user = await self.user()
        for sender, receiver in ((user, self.friend), (self.friend, user)) * 2:
            sender.send(message(receiver.jid, "h\N{LATIN SMALL LETTER E WITH ACUTE}llo \U0001f600"))
            self.assertEqual(
                await receiver.message(),
                (bare(sender), "h\N{LATIN SMALL LETTER E WITH ACUTE}llo \U0001f600"),
            )
            await self.asleep(user)
        await user.terminate()
        await self.leave(self.friend)

    async def test_an_operator_sees_a_session_that_rests_by_its_number_in_the_log(self) -> None:
        await self.begin()
        user = await self.user()
        await self.asleep(user)
        said = await self.ejabberd.control("ecm_session", user.jid)
        jid, _, tag, transport, client, state, *_ = said.rstrip("\n").split("\t")
        self.assertEqual(
            (jid, transport, client, state), (user.jid, "websocket", "websocket", "held")
        )
        self.assertIn(
            f"(websocket|{tag}) Opened c2s session for {user.jid}", self.ejabberd.log.read_text()
        )
        await self.asleep(user)
        await user.terminate()
        await self.leave(self.friend)

    async def test_long_stanzas_go_either_way(self) -> None:
        await self.begin()
        user, other = await self.user(), await self.user()
        for number in range(5):
            text = f"{number} " + "x" * 90_000
            user.send(message(other.jid, text), message(other.jid, "behind"))
            self.assertEqual(await other.message(), (bare(user), text))
            self.assertEqual(await other.message(), (bare(user), "behind"))
        for client in (user, other):
            await client.terminate()
        await self.leave(self.friend)

    async def test_they_meet_in_a_room(self) -> None:
        await self.begin()
        user = await self.user()
        room = f"room-{token_hex(4)}@conference.localhost"
        for client, nick in ((self.friend, "friend"), (user, "user")):
            client.send(
                f"<presence xmlns='{CLIENT}' to='{room}/{nick}'><x xmlns='{MUC}'/></presence>"
            )
            await client.receive(lambda stanza: stanza.find(f"{{{CLIENT}}}subject") is not None)
        for sender in (self.friend, user):
            sender.send(
                f"<message xmlns='{CLIENT}' type='groupchat' to='{room}'>"
                f"<body>by {name(sender)}</body></message>"
            )
            for client in (self.friend, user):
                self.assertEqual(await client.message(), (room, f"by {name(sender)}"))
        user.vanish()
        await self.friend.receive(
            lambda el: (el.get("from"), el.get("type")) == (f"{room}/user", "unavailable")
        )
        await self.leave(self.friend)

    async def test_another_resource_gets_copies(self) -> None:
        await self.begin()
        user = await self.user()
        other = await self.user(name(user))
        await other.iq("set", f"<enable xmlns='{CARBONS}'/>")
        for direction, sender, receiver in (
            ("received", self.friend, user),
            ("sent", user, self.friend),
        ):
            sender.send(message(receiver.jid, direction))
            copy = await other.receive(lambda el: el.find(f".//{{{CLIENT}}}body") is not None)
            self.assertEqual(copy[0].tag, f"{{{CARBONS}}}{direction}")
            self.assertEqual(copy.findtext(f".//{{{CLIENT}}}body"), direction)
        for client in (user, other):
            await client.terminate()
        await self.leave(self.friend)


class EndTests(StreamTestCase):
    async def test_who_goes_gets_the_rest_from_offline_storage_once(self) -> None:
        await self.begin()
        user, sender = await self.user(), await self.user()
        user.reads = False
        texts = [f"{number} " + "x" * 10_000 for number in range(20)]
        for text in texts:
            sender.send(message(bare(user), text))
        came = [(await user.message())[1] for _ in range(FITTING)]
        user.vanish()
        await self.stored(user, len(texts) - FITTING)
        again = await self.back(user)
        self.assertEqual(came + await self.texts_of(again), texts)
        await again.terminate()
        await sender.terminate()
        await self.leave(self.friend)

    async def test_who_does_not_read_is_put_out_and_nothing_is_lost(self) -> None:
        await self.begin("narrow")
        user = await self.user()
        user.reads = False
        before = user.received_bytes
        texts = [f"{number} " + "x" * 2_000 for number in range(32 + MAX_WAITING)]
        for text in texts:
            self.friend.send(message(bare(user), text))
        came: list[str] = []
        with self.assertRaises(Refused) as closed:
            while True:
                came.append((await user.message())[1])
        self.assertEqual(str(closed.exception), "close failed status=1008")
        self.assertLess(user.received_bytes - before, WINDOW + 3_000)
        await self.stored(user, len(texts) - len(came))
        again = await self.back(user)
        self.assertEqual(came + await self.texts_of(again), texts)
        await again.terminate()
        await self.leave(self.friend)

    async def test_who_reads_late_gets_all(self) -> None:
        await self.begin()
        user, sender = await self.user(), await self.user()
        user.reads = False
        texts = [f"{number} " + "x" * 10_000 for number in range(100)]
        for text in texts:
            sender.send(message(user.jid, text))
        came = [(await user.message())[1] for _ in range(FITTING)]
        user.give_back()
        came += [(await user.message())[1] for _ in range(len(texts) - FITTING)]
        self.assertEqual(came, texts)
        await user.terminate()
        await sender.terminate()
        await self.leave(self.friend)

    async def test_an_equal_resource_puts_the_first_one_out(self) -> None:
        await self.begin()
        user = await self.user(resource="here")
        other = await self.user(name(user), "here")
        self.assertEqual(await user.told(), ("conflict", "close end"))
        await other.terminate()
        await self.leave(self.friend)

    async def test_one_that_is_kicked(self) -> None:
        await self.begin()
        user = await self.user()
        await self.asleep(user)
        await self.ejabberd.control("kick_user", name(user), DOMAIN)
        self.assertEqual((await user.told())[1], "close end")
        await self.leave(self.friend)

    async def test_the_reasons_for_which_streams_end_are_counted(self) -> None:
        await self.begin("narrow")
        async with self.ends_by("terminate"):  # the session that makes the account
            user = await self.user(resource="here")
        async with self.ends_by("replaced"):
            other = await self.user(name(user), "here")
        async with self.ends_by("max_waiting"):
            other.reads = False
            for _ in range(32 + MAX_WAITING):
                self.friend.send(message(other.jid, "x" * 2_000))
        async with self.ends_by("terminate"):
            await (await self.logged_in(name(user))).terminate()
        async with self.ends_by("closed"):
            (await self.logged_in(name(user))).vanish()
        await self.leave(self.friend)

    @asynccontextmanager
    async def ends_by(self, reason: str) -> AsyncIterator[None]:
        """Assert that a session ends meanwhile, and is counted with this reason."""
        before = await self.ended()
        yield
        while (now := await self.ended()) == before:
            pass
        self.assertEqual(now, before | {reason: before[reason] + 1})

    async def ended(self) -> dict[str, int]:
        """Return the numbers of sessions that have ended, by reason."""
        asked = "[{R, N} || {{ended, R}, N} <- maps:to_list(ecm_stats:numbers())]"
        found = re.findall(r"\{(\w+),(\d+)\}", await self.shell.evaluate(asked))
        return {reason: int(number) for reason, number in found}

    async def test_what_is_no_xml_ends_the_stream(self) -> None:
        await self.begin()
        for text, condition in (
            ("<message>", "not-well-formed"),
            ("<!-- --><message/>", "restricted-xml"),
            ("<nonsense/>", "unsupported-stanza-type"),
            ("<a>" * 300 + "</a>" * 300, "policy-violation"),
        ):
            user = await self.user()
            user.send(text)
            self.assertEqual((await user.told()), (condition, "close end"))
        await self.leave(self.friend)

    async def test_a_kind_that_is_not_known_is_refused(self) -> None:
        await self.begin()
        client = self.stream("carrier-pigeon")
        with self.assertRaises(Refused) as refused:
            await client.create()
        self.assertEqual(str(refused.exception), "close refused")
        await self.leave(self.friend)


class ManagedTests(StreamTestCase):
    async def test_a_stream_goes_on_where_it_was(self) -> None:
        await self.begin()
        user = await self.user()
        stream = await user.manage()
        self.friend.send(message(user.jid, "one"))
        self.assertEqual(await user.message(), (bare(self.friend), "one"))
        await self.asleep(user)
        user.vanish()
        for text in ("two", "three"):
            self.friend.send(message(user.jid, text))
        again = await self.resumed(user, stream, 1)
        self.assertEqual([(await again.message())[1] for _ in range(2)], ["two", "three"])
        self.friend.send(message(user.jid, "four"))
        self.assertEqual(await again.message(), (bare(self.friend), "four"))
        await again.terminate()
        await self.leave(self.friend)

    async def resumed(self, user: StreamClient, stream: str, received: int) -> StreamClient:
        client = self.stream()
        await client.create()
        await client.authenticate(name(user), PASSWORD)
        await client.resume(stream, received)
        client.jid = user.jid
        return client

    async def test_what_waited_for_credit_comes_once(self) -> None:
        await self.begin()
        user, sender = await self.user(), await self.user()
        stream = await user.manage()
        user.reads = False
        texts = [f"{number} " + "x" * 10_000 for number in range(20)]
        for text in texts:
            sender.send(message(user.jid, text))
        came = [(await user.message())[1] for _ in range(FITTING)]
        await sender.iq("get", f"<query xmlns='{ROSTER}'/>")  # all before is taken
        again = await self.resumed(user, stream, len(came))
        self.assertEqual((await user.told())[1], "close end")
        came += [(await again.message())[1] for _ in range(len(texts) - FITTING)]
        self.assertEqual((came, await self.texts_of(again)), (texts, []))
        await again.terminate()
        await sender.terminate()
        await self.leave(self.friend)


class LoginTests(StreamTestCase):
    async def test_a_wrong_password(self) -> None:
        await self.begin()
        client = self.stream()
        await client.create()
        with self.assertRaises(Refused):
            await client.authenticate(await self.account(), "wrong")
        await client.terminate()
        await self.leave(self.friend)

    async def test_no_mechanism_needs_to_know_the_tls_connection(self) -> None:
        await self.begin()
        client = self.stream()
        features = await client.create()
        offered = [mechanism.text or "" for mechanism in features.iter(MECHANISMS)]
        self.assertIn("SCRAM-SHA-1", offered)
        self.assertEqual([each for each in offered if "-PLUS" in each or each == "EXTERNAL"], [])
        await client.terminate()
        await self.leave(self.friend)

    async def test_a_login_is_bound_to_the_tls_connection_that_ecm_tells(self) -> None:
        await self.begin()
        account = await self.account()
        bound = not await self.lacks("xmpp_socket", "get_tls_cb_exporter")
        for mechanism in ("SCRAM-SHA-1-PLUS", "SCRAM-SHA-1"):
            client = self.stream(BOUND)
            features = await client.create()
            offered = [element.text or "" for element in features.iter(MECHANISMS)]
            self.assertIs("SCRAM-SHA-1-PLUS" in offered, bound)
            self.assertIn("SCRAM-SHA-1", offered)
            self.assertNotIn("EXTERNAL", offered)
            if mechanism in offered:
                binding = BINDING if mechanism.endswith("-PLUS") else b""
                await client.prove(Scram(account, PASSWORD, mechanism, binding))
                await client.bind()
                await self.appear(client)
                await self.asleep(client)
            await client.terminate()
        await self.leave(self.friend)

    async def test_a_login_over_another_tls_connection_fails(self) -> None:
        """Somebody in between, who has ended the client's."""
        await self.begin()
        if await self.lacks("xmpp_socket", "get_tls_cb_exporter"):
            raise SkipTest("this ejabberd knows nothing of tls-exporter")
        account = await self.account()
        client = self.stream(BOUND)
        await client.create()
        with self.assertRaisesRegex(Refused, "not-authorized|malformed-request"):
            await client.prove(Scram(account, PASSWORD, "SCRAM-SHA-1-PLUS", bytes(32)))
        await client.prove(Scram(account, PASSWORD, "SCRAM-SHA-1-PLUS", BINDING))
        await client.terminate()
        await self.leave(self.friend)

    async def test_a_token_is_given_and_logs_in(self) -> None:
        """Tokens that are bound to the TLS connection are offered where ECM tells that."""
        await self.begin()
        if await self.shell.evaluate(f'gen_mod:is_loaded(<<"{DOMAIN}">>, mod_auth_fast)') != "true":
            raise SkipTest("this ejabberd has no tokens")
        account, token = await self.account(), ""
        bound = {"HT-SHA-256-NONE", "HT-SHA-256-EXPR"}
        for line, expected in ((BOUND, bound), (UNBOUND, {"HT-SHA-256-NONE"})):
            client = self.stream(line)
            features = await client.create(f"{account}@{DOMAIN}")
            offered = {each.text for each in features.iter(f"{{{FAST}}}mechanism")}
            self.assertEqual(offered, expected)
            login = Token(account, token) if token else plain(account, PASSWORD)
            inline = USES_TOKEN if token else REQUEST
            success = await client.authenticate2(login, user_agent(PHONE), inline, bind2("web"))
            [token] = [each.attrib["token"] for each in success.iter(f"{{{FAST}}}token")] or [token]
            await self.appear(client)
            await self.asleep(client)
            await client.terminate()
        await self.leave(self.friend)

    async def lacks(self, module: str, function: str) -> bool:
        """Return whether a module of ejabberd does not have a function."""
        exports = f"lists:keymember({function}, 1, {module}:module_info(exports))"
        return await self.shell.evaluate(exports) != "true"

    async def test_sasl2_is_offered_to_who_has_tls(self) -> None:
        await self.begin()
        if await self.lacks("ejabberd_c2s", "allow_unencrypted_sasl2"):
            raise SkipTest("this ejabberd has no SASL2")
        account = await self.account()
        client = self.stream()
        features = await client.create(f"{account}@{DOMAIN}")
        self.assertIsNotNone(features.find(f"{{{SASL2}}}authentication"))
        await client.authenticate2(plain(account, PASSWORD), bind2("web"))
        await self.appear(client)
        self.friend.send(message(client.jid, "hello"))
        self.assertEqual(await client.message(), (bare(self.friend), "hello"))
        await self.asleep(client)
        await client.terminate()
        await self.leave(self.friend)

    async def test_ejabberd_knows_the_kind_and_the_address_of_the_client(self) -> None:
        await self.begin()
        account = await self.account()
        for line, kind in (
            ("websocket peer=192.0.2.7:51234 secure=1", "websocket"),
            ("websocket peer=192.0.2.7:51234 secure=0", "websocket"),
            ("tcp peer=192.0.2.7:51234 secure=1", "c2s_tls"),
            ("tcp peer=192.0.2.7:51234 secure=0", "c2s"),
        ):
            user = self.stream(line)
            await user.create()
            await user.login(account, PASSWORD)
            await self.appear(user)
            listed = await self.ejabberd.control("connected_users_info")
            [row] = [row.split("\t") for row in listed.splitlines() if row.startswith(user.jid)]
            self.assertEqual(row[1:4], [kind, "192.0.2.7", "51234"], line)
            await self.asleep(user)
            await user.terminate()
        await self.leave(self.friend)

    async def test_the_rules_of_access_hold(self) -> None:
        await self.begin()
        account = await self.account()
        client = self.stream(f"websocket peer={BARRED_ADDRESS}:51234 secure=1")
        await client.create()
        with self.assertRaises(Refused):
            await client.login(account, PASSWORD)
        await self.leave(self.friend)

    async def test_what_is_too_long_before_the_login_ends_the_stream(self) -> None:
        await self.begin()
        client = self.stream()
        await client.create()
        client.send(f"<iq xmlns='{CLIENT}' type='get' id='1'>{'x' * 9_000}</iq>")
        self.assertEqual(await client.told(), ("policy-violation", "close end"))
        await self.leave(self.friend)

    async def test_who_waits_for_a_turn_has_it(self) -> None:
        """One login at a time, and ten at once."""
        await self.begin("paced")
        accounts = [await self.account() for _ in range(10)]
        clients = [self.stream() for _ in accounts]
        creations = [ensureDeferred(client.create()) for client in clients]
        for account, client, created in zip(accounts, clients, creations, strict=True):
            await created
            await client.login(account, PASSWORD)
            await self.appear(client)
        for client in clients:
            await client.terminate()
        await self.leave(self.friend)
