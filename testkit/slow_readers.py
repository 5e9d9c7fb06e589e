"""Clients that do not read, with much for them: others notice nothing, and what is bounded is."""

from pathlib import Path

from twisted.internet.defer import Deferred, ensureDeferred

from ecm.tools.demo.plan import DOMAIN
from testkit.bosh_client import Refused
from testkit.cut_talk import gather, talk
from testkit.erlang_shell import ErlangShell
from testkit.link_case import LAST, ONLINE, Front
from testkit.stanzas import message
from testkit.stream_case import StreamUserCase
from testkit.stream_client import StreamClient
from testkit.stream_ends import ClientEnd

MESSAGES = 3000
TEXT = "x" * 10_000

# Memory in bytes beside what the same process has had before, at most: of ECM, which holds a window
# of that; and of ejabberd, which holds all.
ECM_GROWTH = 10 * 1024 * 1024
NODE_GROWTH = 100 * 1024 * 1024

CROWD = 10
MAX_BUFFERED = 400_000
FEW_BYTES = (
    *("--max-buffered", str(MAX_BUFFERED)),
    *("--max-packet", "300000", "--max-content", "300000"),
)

# Those who are put out get the rest again, and must not be put out for that.
SHORT = "x" * 2000
BATCH = 5

_NO_STORE = "<no-store xmlns='urn:xmpp:hints'/></message>"


def bare(client: StreamClient) -> str:
    return client.jid.partition("/")[0]


def resident(process: int) -> int:
    """Return the bytes of a process that are in memory."""
    status = Path(f"/proc/{process}/status").read_text()
    return 1024 * int(status.partition("VmRSS:")[2].split()[0])


def passing(receiver: StreamClient, text: str) -> str:
    """Return a message that nobody stores."""
    return message(receiver.jid, text).replace("</message>", _NO_STORE)


def texts(number: int) -> list[str]:
    return [f"{each} {TEXT}" for each in range(number)]


class ReaderCase(StreamUserCase):
    """A test of a writer, and of those who do not read."""

    async def begin(self, listener: str, *arguments: str) -> Front:
        front = await self.front(listener, "--send-timeout", "300", *arguments)
        self.shell = ErlangShell.start(self, self.ejabberd.node)
        self.writer = await self.user(front)
        return front

    async def stuck(self, front: Front, account: str = "") -> tuple[StreamClient, ClientEnd]:
        """Return somebody who is online and does not read any more, and who can be told to."""
        end = self.make_end(narrow=True)
        client = await self.user(front, account, end)
        end.pause()
        return client, end

    async def write(self, *stanzas: str) -> None:
        """Let the writer send these, and wait until they are where they go."""
        self.writer.send(*stanzas, message(self.writer.jid, LAST))
        await self.writer.receive(lambda element: element.findtext("{*}body") == LAST)

    async def texts_of(self, client: StreamClient) -> list[str]:
        """Return the texts of all messages that have come."""
        client.send(message(client.jid, LAST))
        found = []
        while (text := (await client.message())[1]) != LAST:
            found.append(text)
        return found


class LateReaderCase(ReaderCase):
    put_out = "close lost"  # what one is told who is put out

    async def memory(self) -> int:
        return int(await self.shell.evaluate("erlang:memory(total)"))

    async def test_thirty_megabytes_wait_for_one_who_reads_late(self) -> None:
        front = await self.begin("roomy")
        user, end = await self.stuck(front)
        pair = await self.users(front, 2)
        ecm = front.process.transport.pid
        before, node_before = resident(ecm), await self.memory()
        written: Deferred[None] = Deferred()
        talking = ensureDeferred(talk([(pair[0], pair[1])], lambda: written.called))
        sent = texts(MESSAGES)
        await self.write(*(passing(user, text) for text in sent))
        after, node_after = resident(ecm), await self.memory()
        written.callback(None)
        self.assertGreater(await talking, 20)
        self.assertLess(after - before, ECM_GROWTH)
        self.assertLess(node_after - node_before, NODE_GROWTH)
        end.go_on()
        self.assertEqual([(await user.message())[1] for _ in sent], sent)
        self.assertEqual(await self.texts_of(user), [])
        await self.leave([user, self.writer, *pair])

    async def test_one_for_whom_too_much_waits_is_put_out_and_nothing_is_lost(self) -> None:
        front = await self.begin("narrow")
        account = await self.account(front)
        user, end = await self.stuck(front, account)
        asked = f'mod_offline:count_offline_messages(<<"{account}">>, <<"{DOMAIN}">>)'
        sent: list[str] = []
        while await self.shell.evaluate(asked) == "0":
            more = [f"{len(sent) + each} {SHORT}" for each in range(BATCH)]
            await self.write(*(message(bare(user), text) for text in more))
            sent += more
        end.go_on()
        came: list[str] = []
        with self.assertRaises(Refused) as closed:
            while True:
                came.append((await user.message())[1])
        self.assertEqual(str(closed.exception), self.put_out)
        self.assertEqual(came, sent[: len(came)])
        again = await self.logged_in(account)
        again.send(ONLINE)  # what was kept may come before the answer
        self.assertCountEqual(came + await self.texts_of(again), sent)
        await self.leave([again, self.writer])


class ReaderCrowdCase(ReaderCase):
    async def test_of_many_the_slowest_are_shed_and_others_talk_on(self) -> None:
        front = await self.begin("typed", *FEW_BYTES)
        crowd = await gather([ensureDeferred(self.stuck(front)) for _ in range(CROWD)])
        pair = await self.users(front, 2)
        written: Deferred[None] = Deferred()
        talking = ensureDeferred(talk([(pair[0], pair[1])], lambda: written.called))
        shed = front.process.printed(f"clients held more than {MAX_BUFFERED} bytes: [0-9]+ conn")
        while not shed.called:
            await self.write(*(passing(user, 5 * TEXT) for user, _ in crowd))
        written.callback(None)
        self.assertGreater(await talking, 20)
        await self.leave([self.writer, *pair])
