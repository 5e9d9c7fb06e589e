"""``sm_db_type: ecm``: our table of sessions, in place of that of ejabberd."""

import os
import signal

from twisted.internet.defer import Deferred, ensureDeferred

from ecm.link.events import Answered
from ecm.tools.demo.plan import DOMAIN
from ecm.tools.ejabberd.configuration import without_options
from testkit.bosh_client import CLIENT, ROSTER
from testkit.cluster import join, start_cluster, start_nodes
from testkit.erlang_shell import ErlangShell
from testkit.link_peer import EcmEnd
from testkit.link_user import LinkUser, accounts, attribute
from testkit.own_ejabberd import OwnEjabberd
from testkit.stanzas import message
from testkit.told_case import TestCase
from testkit.two_nodes_case import TwoNodesCase

_TABLE = "ecm"
_SYNC = f"<iq type='get' id='sync' xmlns='{CLIENT}'><query xmlns='{ROSTER}'/></iq>"

# How many sessions a node knows of, once there are so many.
_UNTIL = """
Wait = fun Wait() ->
    case ejabberd_sm:get_vh_session_number(<<"{host}">>) of
        {number} -> {number};
        _ -> receive after 1 -> Wait() end
    end
end,
Wait()
"""


def until(number: int) -> str:
    """Erlang that waits until so many sessions are known."""
    return _UNTIL.format(host=DOMAIN, number=number)


def online(priority: int) -> str:
    return f"<presence xmlns='{CLIENT}'><priority>{priority}</priority></presence>"


class SessionTableTests(TestCase):
    timeout = 120

    async def test_ejabberd_does_with_it_all_that_it_does(self) -> None:
        self.ejabberd = OwnEjabberd.start(
            self, "romeo", "juliet", sm_db_type=_TABLE, shaper_rules={"max_user_sessions": 3}
        )
        self.link = await EcmEnd.connect(self, self.ejabberd.link_port)
        self.assertEqual(await self.said("connected_users_number"), "0")
        self.romeo = await self.person("romeo", "balcony", 0)
        await self.a_message_goes_to_the_highest_priority()
        await self.one_who_logs_in_again_replaces_the_first()
        await self.the_oldest_goes_when_there_are_too_many()
        await self.who_is_kicked_is_gone()
        await self.what_nobody_is_there_for_is_stored()

    async def person(self, name: str, resource: str, priority: int) -> LinkUser:
        user = LinkUser(self.link, name, resource)
        await user.log_in()
        await user.ask(online(priority) + _SYNC)
        return user

    def answer_with(self, user: LinkUser, part: bytes, payload: str = "") -> Deferred[Answered]:
        """Ask, and fire with the next answer that has this in it."""

        async def ask() -> Answered:
            answer = await user.ask(payload)
            while part not in answer.body:
                answer = await user.ask()
            return answer

        return ensureDeferred(ask())

    async def said(self, *command: str) -> str:
        text, status = await self.ejabberd.control(*command)
        self.assertEqual(status, 0, text)
        return text.strip()

    async def a_message_goes_to_the_highest_priority(self) -> None:
        self.garden = await self.person("juliet", "garden", 1)
        self.chamber = await self.person("juliet", "chamber", 5)
        held = self.answer_with(self.chamber, b"<body>hark</body>")
        await self.romeo.ask(message(f"juliet@{DOMAIN}", "hark") + _SYNC)
        await held
        self.assertEqual(await self.said("connected_users_number"), "3")
        found = await self.said("user_resources", "juliet", DOMAIN)
        self.assertEqual(sorted(found.split()), ["chamber", "garden"])
        found = await self.said("connected_users_info")
        self.assertEqual(found.count("http_bind"), 3, found)

    async def one_who_logs_in_again_replaces_the_first(self) -> None:
        held = self.answer_with(self.chamber, b"<conflict ")
        self.chamber = await self.person("juliet", "chamber", 5)
        await held
        self.assertEqual(await self.said("num_resources", "juliet", DOMAIN), "2")

    async def the_oldest_goes_when_there_are_too_many(self) -> None:
        held = self.answer_with(self.garden, b"<conflict ")
        await self.person("juliet", "vault", 0)
        await self.person("juliet", "tomb", -1)
        await held
        found = await self.said("user_resources", "juliet", DOMAIN)
        self.assertEqual(sorted(found.split()), ["chamber", "tomb", "vault"])

    async def who_is_kicked_is_gone(self) -> None:
        held = self.answer_with(self.chamber, b"terminate")
        self.assertRegex(await self.said("kick_user", "juliet", DOMAIN), r"\b3$")
        self.assertEqual(attribute((await held).body, "condition"), "remote-stream-error")
        shell = ErlangShell.start(self, self.ejabberd.node)
        self.assertEqual(await shell.evaluate(until(1)), "1")

    async def what_nobody_is_there_for_is_stored(self) -> None:
        await self.romeo.ask(message(f"juliet@{DOMAIN}", "farewell") + _SYNC)
        juliet = LinkUser(self.link, "juliet", "heaven")
        await juliet.log_in()
        await self.answer_with(juliet, b"<body>farewell</body>", online(0))


class SessionTableClusterTests(TwoNodesCase):
    async def test_two_nodes_are_one(self) -> None:
        here, there = start_cluster(self, sm_db_type=_TABLE)
        await self.assert_they_are_one(here, there)

    async def test_a_node_that_dies_takes_its_sessions_along(self) -> None:
        members = start_nodes(self, 2, without_options("mod_roster"), sm_db_type=_TABLE)
        here, there = members
        await join(self, members)
        self.shell = ErlangShell.start(self, there.node)
        await self.shell.evaluate(accounts("romeo", "juliet"))
        near, far = [await EcmEnd.connect(self, member.link_port) for member in members]
        for name, link in (("romeo", near), ("juliet", far)):
            await self.online(name, link)
        self.assertEqual(await self.shell.evaluate(until(2)), "2")
        os.kill(here.process.pid, signal.SIGKILL)
        self.assertEqual(await self.shell.evaluate(until(1)), "1")
