"""A stream is resumed while what its client has sent before is still on its way."""

from twisted.internet.defer import ensureDeferred

from ecm.tools.demo.plan import DOMAIN
from testkit.erlang_shell import ErlangShell
from testkit.link_case import LAST, PASSWORD
from testkit.session_probe import session
from testkit.stanzas import message
from testkit.stream_case import StreamUserCase
from testkit.stream_client import StreamClient
from testkit.stream_ends import TcpEnd

# The session of a full JID does nothing from now on, until `go_on' is told; and waits for messages.
_HOLD = """
Session = {session},
register(holder, spawn(fun() -> erlang:suspend_process(Session), receive go_on -> ok end end))
"""
_WAITING = """
Session = {session},
Wait = fun Wait() ->
    case process_info(Session, message_queue_len) of
        {{_, Number}} when Number >= {number} -> ok;
        _ -> receive after 5 -> Wait() end
    end
end,
Wait()
"""


class WebSocketResumptionTests(StreamUserCase):
    async def test_what_the_server_has_not_counted_is_not_sent_twice(self) -> None:
        front = await self.front("typed")
        shell = ErlangShell.start(self, self.ejabberd.node)
        account = await self.account(front)
        user, friend = await self.user(front, account), await self.user(front)
        stream = await user.manage()
        process = session(user.jid)

        await shell.evaluate(_HOLD.format(session=process))
        user.send(message(friend.jid, "once"))
        await shell.evaluate(_WAITING.format(session=process, number=1))
        again = StreamClient(self.make_end(), DOMAIN)
        await again.create()
        await again.authenticate(account, PASSWORD)
        resuming = ensureDeferred(again.resume(stream, 0))
        await shell.evaluate(_WAITING.format(session=process, number=2))
        await shell.evaluate("holder ! go_on")

        if await resuming == 0:
            again.send(message(friend.jid, "once"))
        again.send(message(friend.jid, LAST))
        self.assertEqual([(await friend.message())[1] for _ in range(2)], ["once", LAST])
        await self.leave([again, friend])


class TcpResumptionTests(WebSocketResumptionTests):
    end = TcpEnd
