"""Sessions end, in any way, while their users write: nothing that was accepted is lost or stuck."""

import json
from collections.abc import Awaitable, Callable
from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import DeferredList, ensureDeferred
from twisted.internet.task import deferLater

from ecm.tools.demo.plan import DOMAIN
from testkit.erlang_shell import ErlangShell
from testkit.link_peer import EcmEnd
from testkit.link_user import RESOURCE, accounts
from testkit.private_ejabberd import running_ejabberd
from testkit.session_probe import each
from testkit.talkers import Account, Talker, account
from testkit.told_case import TestCase

USERS = 24
ROUNDS = 3
MESSAGES = 5  # of each user, before all sessions end, and after

_PATIENCE = 30.0  # seconds until all has come
_LOOK = 0.05  # seconds

_STORED = """
[fxml:get_path_s(xmpp:encode(Stanza), [{{elem, <<"body">>}}, cdata])
 || User <- [{users}], Stanza <- mod_offline:get_offline_els(User, <<"{host}">>)]
"""

_STOP_HOST = f"""
ejabberd_sm:host_down(<<"{DOMAIN}">>),
ejabberd_sm:host_up(<<"{DOMAIN}">>)
"""

End = Callable[[list[Talker]], Awaitable[Any]]


class SessionEndsTests(TestCase):
    timeout = 120

    async def test_they_are_kicked(self) -> None:
        await self.assert_nothing_is_lost(self.erlang("Session ! kick"))

    async def test_they_are_stopped(self) -> None:
        await self.assert_nothing_is_lost(self.erlang("ejabberd_c2s:stop_async(Session)"))

    async def test_they_are_shut_down(self) -> None:
        await self.assert_nothing_is_lost(self.erlang("exit(Session, shutdown)"))

    async def test_their_host_is_stopped(self) -> None:
        async def stop_host(_: list[Talker]) -> None:
            await self.shell.evaluate(_STOP_HOST)

        await self.assert_nothing_is_lost(stop_host)

    async def test_they_are_replaced_by_their_users(self) -> None:
        async def log_in_again(people: list[Talker]) -> None:
            await DeferredList([ensureDeferred(talker.log_in()) for talker in people])

        await self.assert_nothing_is_lost(log_in_again)

    def erlang(self, end: str) -> End:
        """Return what evaluates this for each ``Session``."""

        async def end_all(people: list[Talker]) -> None:
            jids = [f"{talker.jid}/{RESOURCE}" for talker in people]
            await self.shell.evaluate(each(jids, f"is_pid(Session) andalso ({end})"))

        return end_all

    async def assert_nothing_is_lost(self, end: End) -> None:
        people = await self.people()
        for number in range(ROUNDS):
            self.say(people, 2 * number)
            await end(people)
            self.say(people, 2 * number + 1)
            await self.until(lambda: all(talker.is_idle for talker in people))
        found = await self.come(people)
        self.assertEqual((found.lost, found.stuck), ([], []))
        self.assertGreaterEqual(found.logins, USERS * (1 + ROUNDS))
        self.assertGreater(found.accepted, 0)
        for talker in people:
            talker.stop()

    async def people(self) -> list[Talker]:
        """Return users who are online."""
        ejabberd = running_ejabberd()
        self.shell = ErlangShell.start(self, ejabberd.node)
        link = await EcmEnd.connect(self, ejabberd.listeners.port("typed"))
        names = [f"talker-{number}" for number in range(USERS)]
        await self.shell.evaluate(accounts(*names))
        people = [Talker(name, link) for name in names]
        for talker in people:
            await talker.log_in()
        return people

    def say(self, people: list[Talker], turn: int) -> None:
        """Everybody writes to somebody.

        Always to a full JID: ejabberd_sm reads the sessions of a bare one twice, and drops a
        message whose receiver goes in between. A full one it reads once, and a session that ends
        waits 100 ms for whoever has read it: nothing is promised where a sender gets no core for
        longer.
        """
        for number, talker in enumerate(people):
            to = f"{people[number ^ 1].jid}/{RESOURCE}"
            for count in range(MESSAGES):
                talker.say(to, f"{talker.name} {turn * MESSAGES + count + 1}")

    async def until(self, is_true: Callable[[], bool]) -> None:
        """Wait until it is true, or for a while."""
        until = reactor.seconds() + _PATIENCE
        while not is_true() and reactor.seconds() < until:
            await deferLater(reactor, _LOOK)

    async def come(self, people: list[Talker]) -> Account:
        """Return the account, once all has come that was accepted, or that is in storage."""
        await self.until(lambda: not account(people, []).lost)
        users = ", ".join(f'<<"{talker.name}">>' for talker in people)
        stored = await self.shell.evaluate(_STORED.format(users=users, host=DOMAIN))
        return account(people, json.loads(stored.replace("<<", "").replace(">>", "")))
