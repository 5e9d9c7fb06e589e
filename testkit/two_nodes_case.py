"""A test of a cluster of two nodes, which is one to its users."""

from twisted.internet.defer import Deferred
from twisted.trial.unittest import TestCase

from ecm.link.events import Answered
from ecm.tools.demo.plan import DOMAIN
from testkit.cluster import Member
from testkit.erlang_shell import ErlangShell
from testkit.link_peer import EcmEnd
from testkit.link_user import LinkUser, accounts, attribute
from testkit.session_probe import is_known
from testkit.stanzas import message

_SYNC = "<iq type='get' id='sync' xmlns='jabber:client'><query xmlns='jabber:iq:roster'/></iq>"

# The second in which a session begins says which of two on different nodes is the older one.
_NEXT_SECOND = "timer:sleep(1001 - erlang:system_time(millisecond) rem 1000)"


class TwoNodesCase(TestCase):
    timeout = 120

    async def assert_they_are_one(self, here: Member, there: Member) -> None:
        """Let users on both chat, and be replaced and kicked."""
        self.shell = ErlangShell.start(self, there.node)
        joined = await self.shell.evaluate(f"ejabberd_cluster:join('{here.node.name}')")
        self.assertEqual(joined, "ok")
        await self.shell.evaluate(accounts("romeo", "juliet"))
        near, far = [await EcmEnd.connect(self, member.link_port) for member in (here, there)]
        for one, other in ((near, far), (far, near)):
            romeo, juliet = await self.online("romeo", one), await self.online("juliet", other)
            await self.they_talk(romeo, juliet)
            romeo.link, juliet.link = other, one
            await self.they_talk(romeo, juliet)
            await self.another_session_replaces(juliet.ask(), one)
            await self.is_kicked(romeo.ask())

    async def online(self, name: str, link: EcmEnd) -> LinkUser:
        await self.shell.evaluate(_NEXT_SECOND)
        user = LinkUser(link, name)
        await user.log_in()
        await user.ask("<presence xmlns='jabber:client'/>")
        await self.shell.evaluate(is_known(user.jid))
        return user

    async def they_talk(self, one: LinkUser, other: LinkUser) -> None:
        for sender, receiver in ((one, other), (other, one)):
            held = receiver.ask()
            await sender.ask(message(receiver.jid, "hello") + _SYNC)
            self.assertIn(b"<body>hello</body>", (await held).body)

    async def another_session_replaces(self, held: Deferred[Answered], link: EcmEnd) -> None:
        another = await self.online("juliet", link)
        self.assertIn(b"<conflict ", (await held).body)
        self.assertIn(b"terminate", (await another.ask(type="terminate")).body)

    async def is_kicked(self, held: Deferred[Answered]) -> None:
        await self.shell.evaluate(f'ejabberd_sm:kick_user(<<"romeo">>, <<"{DOMAIN}">>)')
        kicked = await held
        self.assertEqual(attribute(kicked.body, "condition"), "remote-stream-error")
