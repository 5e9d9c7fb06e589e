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
from testkit.process import Process
from testkit.stanzas import message
from testkit.stream_case import StreamUserCase
from testkit.stream_client import StreamClient
from testkit.stream_ends import ClientEnd, TcpEnd, TlsEnd
from testkit.streaming_end import StreamingEnd

WORKERS = 2
PAIRS = 4
PAUSE = 0.02  # seconds between two messages
LAST = "all of it"
DRAIN = 12  # seconds of --drain-timeout, in half of which clients are sent away

# The resources of a user.
_ONLINE = 'ejabberd_sm:get_user_resources(<<"{account}">>, <<"{domain}">>)'


class WebSocketReloadTests(StreamUserCase):
    timeout = 120
    # What a client is told whose stream is closed: no error, and a status or nothing.
    told = ("", "close 1012")
    # Messages that may still be with the client when its connection ends, at most.
    unsent = 1

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

    async def test_without_stream_management_nothing_is_lost_either(self) -> None:
        front = await self.begin(1)
        shell = ErlangShell.start(self, self.ejabberd.node)
        accounts = [await self.account(front) for _ in range(PAIRS)]
        link = await StreamingEnd.connect(self, self.ejabberd.listeners.port("typed"))
        friends = [StreamClient(link, DOMAIN) for _ in accounts]
        talking = [
            ensureDeferred(self.talk(front, shell, account, friend))
            for account, friend in zip(accounts, friends, strict=True)
        ]
        await self.reload_and_wait(front.process)
        for said in await gather(talking):
            self.assertGreater(said, 20)

    async def talk(
        self, front: Front, shell: ErlangShell, account: str, friend: StreamClient
    ) -> int:
        """Talk until the stream is closed, log in again, and miss nothing. How much was heard."""
        user = await self.user(front, account)
        await friend.create()
        await friend.login(await self.account(front), PASSWORD)
        told: list[str] = []
        hearing = ensureDeferred(self.hear(friend, told))
        heard: list[str] = []
        listening = ensureDeferred(self.listen(user, heard))
        number = 0
        while not listening.called:
            friend.send(message(user.jid.partition("/")[0], str(number)))
            user.send(message(friend.jid, str(number)))
            number += 1
            await deferLater(reactor, PAUSE)
        self.assertEqual(await listening, self.told[1])
        while await shell.evaluate(_ONLINE.format(account=account, domain=DOMAIN)) != "[]":
            await deferLater(reactor, 0.05)
        friend.send(message(user.jid.partition("/")[0], LAST))
        again = await self.logged_in(account)
        again.send(ONLINE)
        while LAST not in heard:
            heard.append((await again.message())[1])
        everything = [*map(str, range(number)), LAST]
        self.assertEqual(heard, everything)
        again.send(message(friend.jid, LAST))
        await hearing
        sent = everything[:-1]
        self.assertIn(told, [sent[: number - lost] + [LAST] for lost in range(self.unsent + 1)])
        for client in (again, friend):
            await client.terminate()
        return number

    async def hear(self, friend: StreamClient, told: list[str]) -> None:
        """Note all that comes for a friend."""
        while LAST not in told:
            told.append((await friend.message())[1])

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


class TlsReloadTests(TcpReloadTests):
    end: type[ClientEnd] = TlsEnd
    unsent = 2  # one that Twisted's TLS has not sealed yet, and one while it closes
