"""A reload under people who talk over streams: they resume at the new workers, and lose nothing."""

import signal

from twisted.internet import reactor
from twisted.internet.defer import ensureDeferred
from twisted.internet.task import deferLater

from ecm.tools.demo.plan import DOMAIN
from testkit.bosh_client import Refused
from testkit.cut_talk import gather, talk
from testkit.ecm_process import temporary_folder
from testkit.erlang_shell import ErlangShell
from testkit.link_case import ONLINE, PASSWORD, Front
from testkit.managed_client import ManagedClient
from testkit.process import Process
from testkit.stanzas import message
from testkit.stream_case import StreamUserCase
from testkit.stream_client import StreamClient
from testkit.stream_ends import ClientEnd, TcpEnd

WORKERS = 2
PAIRS = 4
STORED = 20  # messages for one who is not there
DRAIN = 8  # seconds of --drain-timeout, in half of which clients are sent away

# The resources of a user.
_ONLINE = 'ejabberd_sm:get_user_resources(<<"{account}">>, <<"{domain}">>)'


class WebSocketReloadTests(StreamUserCase):
    timeout = 120
    # What a client is told whose stream is closed: no error, and a status or nothing.
    told = ("", "close 1012")

    async def begin(self, workers: int = WORKERS) -> Front:
        """Start ECM with a file of options, and wait for its links."""
        self.file = temporary_folder(self) / "ecm.toml"
        self.file.write_text("idle-timeout = 60\n")
        options = ("--config", str(self.file), "--workers", f"{workers}")
        front = await self.front("typed", *options, "--drain-timeout", f"{DRAIN}")
        await front.process.printed("link up", times=workers)
        return front

    async def reload(self, ecm: Process, generation: int = 2) -> None:
        """Change an option, and wait until the next generation serves."""
        self.file.write_text(f"idle-timeout = {60 + generation}\n")
        ecm.signal(signal.SIGHUP)
        await ecm.printed(f"reload: generation {generation} serves")

    async def managed(self, front: Front) -> ManagedClient:
        account = await self.account(front)
        client = ManagedClient(lambda: self.make_end(), account, PASSWORD)
        await client.begin(await self.user(front, account))
        return client

    async def test_all_go_on_at_the_new_workers_and_nothing_is_lost(self) -> None:
        front = await self.begin()
        users = await gather(ensureDeferred(self.managed(front)) for _ in range(2 * PAIRS))
        ended = ensureDeferred(self.reload_and_wait(front.process))
        # Where a session goes on in another process, ejabberd may route a message past others.
        said = await talk(
            zip(users[::2], users[1::2], strict=True), lambda: ended.called, in_order=False
        )
        await ended
        self.assertGreater(said, 20 * PAIRS)
        # Each was sent away once, and went to a worker that stays.
        self.assertEqual([user.resumptions for user in users], [1] * len(users))
        for user in users:
            await user.terminate()

    async def reload_and_wait(self, ecm: Process) -> None:
        await deferLater(reactor, 0.5)
        await self.reload(ecm)
        await ecm.printed("generation 1 of workers has ended")
        await deferLater(reactor, 0.5)

    async def test_streams_go_on_until_their_turn_comes(self) -> None:
        front = await self.begin(1)
        users = await self.users(front, 4)
        await self.reload(front.process)
        first, second = users[-2:]  # the last to come are the last to go
        for text in ("one", "two"):
            first.send(message(second.jid, text))
            self.assertEqual((await second.message())[1], text)
        ends = await gather(ensureDeferred(user.told()) for user in users)
        self.assertEqual(ends, [self.told] * len(users))

    async def test_without_stream_management_nothing_comes_twice_and_what_follows_is_stored(
        self,
    ) -> None:
        """A message on its way in the moment of the end is lost, as at any end of a connection."""
        front = await self.begin(1)
        shell = ErlangShell.start(self, self.ejabberd.node)
        account = await self.account(front)
        user = await self.user(front, account)
        friend = await self.managed(front)
        going_on = ensureDeferred(friend.message())
        heard: list[str] = []
        listening = ensureDeferred(self.listen(user, heard))
        reloading = ensureDeferred(self.reload_and_wait(front.process))
        said = 0
        while not listening.called:
            friend.send(message(user.jid.partition("/")[0], str(said)))
            said += 1
            await deferLater(reactor, 0.1)
        self.assertEqual(await listening, self.told[1])
        self.assertGreater(len(heard), 0)
        self.assertEqual(heard, [str(number) for number in range(len(heard))])
        while await shell.evaluate(_ONLINE.format(account=account, domain=DOMAIN)) != "[]":
            await deferLater(reactor, 0.05)
        await reloading
        for number in range(STORED):
            friend.send(message(user.jid.partition("/")[0], f"stored {number}"))
        again = await self.logged_in(account)
        again.send(ONLINE)
        late: list[str] = []
        while f"stored {STORED - 1}" not in late:
            late.append((await again.message())[1])
        self.assertEqual([each for each in late if each in heard], [])
        self.assertEqual(late[-STORED:], [f"stored {number}" for number in range(STORED)])
        again.send(message(friend.jid, "all of it"))
        self.assertEqual((await going_on)[1], "all of it")
        await again.terminate()
        await friend.terminate()

    async def listen(self, user: StreamClient, heard: list[str]) -> str:
        """Note all that comes for somebody until the stream ends, and return how it ends."""
        while True:
            try:
                heard.append((await user.message())[1])
            except Refused as closed:
                return str(closed)


class TcpReloadTests(WebSocketReloadTests):
    end: type[ClientEnd] = TcpEnd
    told = ("", "close lost")
