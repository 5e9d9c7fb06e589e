"""An operator looks into ejabberd, over a link and with commands."""

import json
from typing import Any
from urllib.request import Request, urlopen

from twisted.internet import reactor
from twisted.internet.task import deferLater
from twisted.internet.threads import deferToThread
from twisted.trial.unittest import TestCase

from ecm.link.events import Inspected
from ecm.tools.demo.plan import DOMAIN
from ecm.tools.ejabberd.configuration import configuration, listener
from ecm.tools.ports import HOST, free_port
from testkit.link_peer import EcmEnd
from testkit.link_user import PASSWORD, LinkUser
from testkit.own_ejabberd import MODULES, OwnEjabberd
from testkit.resuming_end import ResumingEnd
from testkit.stream_client import StreamClient
from testkit.streaming_end import StreamingEnd

_MESSAGE = f"<message to='romeo@{DOMAIN}' xmlns='jabber:client'><body>my secret</body></message>"
_LOOK = 0.02  # seconds between two questions: more than a hundred pings in a second are a flood
_PRESENCE = "<presence xmlns='jabber:client'/>"


class InsightTestCase(TestCase):
    timeout = 240

    async def start(self, **options: Any) -> None:
        self.ejabberd = OwnEjabberd.start(self, "romeo", "juliet", **options)
        self.link = await EcmEnd.connect(self, self.ejabberd.link_port)

    async def user(self, name: str, resource: str = "test") -> LinkUser:
        user = LinkUser(self.link, name, resource)
        await user.log_in()
        await user.ask(_PRESENCE)
        return user

    async def numbers_with(self, **wanted: int) -> dict[str, int]:
        """Return the numbers once these are among them: sessions end by and by."""
        numbers: dict[str, int] = {}
        while not numbers.items() >= wanted.items():
            await deferLater(reactor, _LOOK)
            numbers = await self.link.numbers()
        return numbers

    async def inspected(self, jid: str, **wanted: str) -> dict[str, str]:
        """Return the fields of a session once these are among them."""
        fields: dict[str, str] = {}
        while not fields.items() >= wanted.items():
            await deferLater(reactor, _LOOK)
            [fields] = (await self.link.inspect(jid=jid)).sessions
        return fields


class StreamTests(InsightTestCase):
    async def stream(self, link: StreamingEnd) -> StreamClient:
        client = StreamClient(link, DOMAIN)
        await client.create()
        await client.login("romeo", PASSWORD, resource="test")
        return client

    async def ended(self, number: int) -> dict[str, int]:
        """Return how sessions have ended, once so many have."""
        reasons: dict[str, int] = {}
        while sum(reasons.values()) < number:
            await deferLater(reactor, _LOOK)
            numbers = await self.link.numbers()
            reasons = {name: numbers[name] for name in numbers if name.startswith("ended.")}
        return {name: times for name, times in reasons.items() if times}

    async def test_how_their_sessions_end(self) -> None:
        await self.start()
        link = await StreamingEnd.connect(self, self.ejabberd.link_port)
        await (await self.stream(link)).terminate()
        (await self.stream(link)).vanish()
        await self.ended(2)
        replaced, faulty = await self.stream(link), await self.stream(link)
        self.assertEqual((await replaced.told())[0], "conflict")
        faulty.send("<")
        self.assertEqual((await faulty.told())[0], "not-well-formed")
        wanted = ("terminate", "closed", "replaced", "stream_error")
        self.assertEqual(await self.ended(4), {f"ended.{each}": 1 for each in wanted})


class LinkTests(InsightTestCase):
    """Questions of ECM, over the link."""

    async def test_numbers_of_the_node(self) -> None:
        await self.start()
        before = await self.link.numbers()
        self.assertEqual(before["sessions.held"] + before["sessions.away"], 0)
        romeo, juliet = await self.user("romeo"), await self.user("juliet")
        held = romeo.ask()
        numbers = await self.numbers_with(**{"sessions.held": 1})
        sessions = [numbers[f"sessions.{state}"] for state in ("held", "away", "pending")]
        self.assertEqual(sessions, [1, 1, 0])
        self.assertEqual((numbers["created.swarm"], numbers["logins.ok"]), (2, 2))
        await juliet.ask(type="terminate")
        await romeo.ask_as(romeo.session.rid + 50)  # far beyond the window
        await held
        await self.link.ask(
            b"<body rid='1' sid='abc' xmlns='http://jabber.org/protocol/httpbind'/>"
        )[1]
        numbers = await self.numbers_with(**{"sessions.held": 0, "sessions.away": 0})
        counted = ("ended.terminate", "ended.policy", "errors.rid_gap.swarm")
        self.assertEqual([numbers[each] for each in counted], [1, 1, 1])
        self.assertEqual(numbers["errors.unknown_sid.other"], 1)

    async def test_a_session_by_its_jid_its_sid_and_its_connection(self) -> None:
        await self.start()
        romeo = await self.user("romeo", "web")
        await self.user("romeo", "phone")
        await romeo.ask()  # the presence of the other
        romeo.ask()
        both = await self.link.inspect(jid=f"romeo@{DOMAIN}")
        self.assertEqual(
            {each["jid"] for each in both.sessions},
            {f"romeo@{DOMAIN}/web", f"romeo@{DOMAIN}/phone"},
        )
        one = await self.inspected(romeo.jid, state="held")
        self.assertEqual((one["transport"], one["client"]), ("bosh", "swarm"))
        self.assertEqual(one["peer"], "192.0.2.7:51234")
        self.assertEqual(one["id"], str(self.link._last_id))
        self.assertEqual((int(one["rid"]), one["waiting"]), (romeo.session.rid, "0"))
        self.assertEqual(one["id"], str(self.link._last_id))
        opened = f"(http_bind|{one['tag']}) Opened c2s session for {romeo.jid}"
        await self.ejabberd.logged(opened)
        for asked in ({"sid": romeo.session.sid.decode()}, {"id": self.link._last_id}):
            [again] = (await self.link.inspect(**asked)).sessions
            self.assertEqual(again["jid"], romeo.jid)

    async def test_what_waits_is_counted_and_not_told(self) -> None:
        await self.start()
        romeo, juliet = await self.user("romeo"), await self.user("juliet")
        juliet.ask(_MESSAGE)
        one = await self.inspected(romeo.jid, state="away", waiting="1")
        self.assertGreater(int(one["waiting-bytes"]), 50)
        self.assertNotIn("secret", str(one))

    async def test_questions_without_an_answer(self) -> None:
        await self.start()
        for asked, why in (
            ({"jid": f"nobody@{DOMAIN}"}, "not-found"),
            ({"jid": f"romeo@{DOMAIN}"}, "not-found"),
            *(
                (({"jid": "@"}, "malformed")),
                ({"sid": "abc"}, "not-found"),
                ({"id": 7}, "not-here"),
            ),
        ):
            self.assertEqual(
                (await self.link.inspect(**asked)), Inspected(str(self.asked()), [], why=why)
            )

    def asked(self) -> int:
        return len(self.link._questions) - 1


class CommandTests(InsightTestCase):
    """Commands of ejabberdctl and the HTTP API."""

    async def said(self, *command: str) -> list[list[str]]:
        said, status = await self.ejabberd.control(*command)
        self.assertEqual(status, 0, said)
        return [line.split("\t") for line in said.splitlines()]

    async def test_they_print_tables(self) -> None:
        await self.start()
        romeo = await self.user("romeo")
        romeo.ask()
        numbers = {name: int(number) for name, number, _ in await self.said("ecm_stats")}
        self.assertEqual((numbers["sessions.held"], numbers["sessions.away"]), (1, 0))
        self.assertEqual((numbers["created.swarm"], numbers["logins.ok"]), (1, 1))
        [link] = await self.said("ecm_links")
        self.assertEqual((link[0], link[2], link[4:]), ("test", "typed", ["1", "0"]))
        [session] = await self.said("ecm_session", f"romeo@{DOMAIN}")
        self.assertEqual((session[0], session[3], session[5]), (romeo.jid, "bosh", "held"))
        self.assertEqual(session[-1], "")  # errors: there were none
        self.assertEqual(await self.said("ecm_session", f"juliet@{DOMAIN}"), [])

    async def test_they_answer_in_json(self) -> None:
        await self.start()
        port = free_port()
        web = listener("ejabberd_http", port, request_handlers={"/api": "mod_http_api"})
        ours = listener("mod_ecm", self.ejabberd.link_port, access="all")
        permissions = {"all": {"who": {"ip": f"{HOST}/8"}, "what": "*"}}
        written = configuration([DOMAIN], [ours, web], MODULES, api_permissions=permissions)
        self.ejabberd.node.write(written, {"romeo": PASSWORD})
        await self.said("reload_config")
        romeo = await self.user("romeo")

        def ask(command: str, **arguments: str) -> Any:
            url = f"http://{HOST}:{port}/api/{command}"
            data = json.dumps(arguments).encode() if arguments else None
            with urlopen(Request(url, data)) as answer:
                return json.load(answer)

        stats = await deferToThread(ask, "ecm_stats")
        self.assertIn({"name": "sessions.away", "value": 1, "kind": "gauge"}, stats)
        self.assertIn({"name": "created.swarm", "value": 1, "kind": "counter"}, stats)
        [link] = await deferToThread(ask, "ecm_links")
        self.assertEqual((link["name"], link["protocol"], link["requests"]), ("test", "typed", 0))
        [session] = await deferToThread(ask, "ecm_session", jid=romeo.jid)
        self.assertEqual((session["jid"], session["state"]), (romeo.jid, "away"))
        self.assertEqual(session["errors"], "")

    async def test_a_link_that_is_kicked_goes_on_with_new_options(self) -> None:
        await self.start()
        link = await ResumingEnd.connect(self, self.ejabberd.link_port)
        romeo = LinkUser(link, "romeo")
        await romeo.log_in()
        self.ejabberd.configure("romeo", "juliet", link={"max_wait": 42})
        await self.said("reload_config")
        said, status = await self.ejabberd.control("ecm_kick_link", "nobody")
        self.assertEqual(status, 1, said)
        self.assertIn("There is no link of nobody; there are: ", said)
        [[said]] = await self.said("ecm_kick_link", "all")
        self.assertEqual(said, "2 of 2 links are broken, and come back.")
        await link.connection.down
        await link.resume()
        self.assertIn(b"<presence", (await romeo.ask(_PRESENCE)).body)
        juliet = LinkUser(link, "juliet")
        await juliet.begin(wait=60)
        self.assertIn(b"wait='42'", juliet.answers[0].body)
