"""An ECM that is full, or short of memory: those who are online chat, newcomers are refused."""

import contextlib
import socket
from pathlib import Path
from resource import RLIM_INFINITY, RLIMIT_AS, getpagesize, prlimit

from treq import content
from twisted.internet.threads import deferToThread

from ecm.limits import RESERVED_FILES, RETRY_AFTER_MAX, RETRY_AFTER_MIN, reserved
from testkit.bosh_client import BoshClient, Refused, http_client
from testkit.ecm_process import LOOPBACK
from testkit.link_case import ONLINE, Front, LinkTestCase
from testkit.process import script, start
from testkit.stanzas import message

CREATE = (
    b"<body rid='1' to='localhost' wait='1' hold='1' ver='1.6' xml:lang='en'"
    b" xmlns='http://jabber.org/protocol/httpbind'/>"
)

# Connections that the open files of the ECM below are enough for.
MOST = 48
RESERVE = reserved(MOST)

# Beyond what an ECM has mapped when its memory gets short.
MORE_MEMORY = 30 * 1024 * 1024


class FullTestCase(LinkTestCase):
    timeout = 120

    async def limited(self, files: int) -> Front:
        """Start an ECM that may open so many files."""
        limit = ("/bin/sh", "-c", f'ulimit -n {files}; exec "$@"', "sh", script("twistd"))
        upstream = self.ejabberd.listeners.upstream("typed")
        ends = ("--upstream", upstream, "--drain-timeout", "0")
        ecm = start(self, *limit, "-n", "--pidfile=", "ecm", "--listen", LOOPBACK, *ends)
        port = int((await ecm.printed(r"Factory starting on ([0-9]+)"))[1])
        await ecm.printed("link up")
        return Front(ecm, f"http://127.0.0.1:{port}/http-bind")

    async def online(self, front: Front, number: int) -> list[BoshClient]:
        """Return people who are online, each of whom holds a request."""
        users = [await self.log_in(self.client(front)) for _ in range(number)]
        for user in users:
            await user.ask(ONLINE)
            user._polls = True
            user.send("")
        return users

    async def talk(self, users: list[BoshClient]) -> None:
        """Let each say something to the next one, who hears it."""
        for sender, receiver in zip(users, [*users[1:], users[0]], strict=True):
            sender.send(message(receiver.jid, "hello"))
            self.assertEqual(await receiver.message(), (sender.jid.partition("/")[0], "hello"))

    async def refuse_newcomer(self, front: Front) -> None:
        response = await http_client(self).post(front.bosh, data=CREATE)
        self.assertEqual(response.code, 503, await content(response))
        [seconds] = response.headers.getRawHeaders("Retry-After")
        self.assertIn(int(seconds), range(RETRY_AFTER_MIN, RETRY_AFTER_MAX + 1))

    async def let_in(self, front: Front) -> None:
        """A newcomer comes in, as soon as ECM knows that there is room."""
        newcomer = self.client(front)
        while not newcomer.session.sid:
            with contextlib.suppress(Refused):
                await newcomer.create()


class OpenFilesTests(FullTestCase):
    def fill(self, port: int) -> socket.socket:
        """Connect, and ask for something slowly, so that it does not make way."""
        filler = self.enterContext(socket.create_connection(("127.0.0.1", port)))
        filler.sendall(
            b"POST /http-bind HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n"
            b"Expect: 100-continue\r\n\r\n"
        )
        self.assertTrue(filler.recv(100).startswith(b"HTTP/1.1 100 "))
        return filler

    async def test_newcomers_beyond_the_open_files(self) -> None:
        front = await self.limited(RESERVED_FILES + MOST)
        users = await self.online(front, 4)
        port = int(front.bosh.split(":")[2].split("/")[0])
        fillers = [await deferToThread(self.fill, port) for _ in range(MOST - RESERVE - len(users))]
        for _ in range(3):
            await self.refuse_newcomer(front)
            await self.talk(users)
        await front.process.printed("full: more than 42 connections; newcomers get 503")
        for filler in fillers:
            filler.close()
        await self.let_in(front)


class MemoryTests(FullTestCase):
    async def test_while_memory_is_short(self) -> None:
        front = await self.front("typed")
        users = await self.online(front, 4)
        process = front.process.transport.pid
        mapped = int(Path(f"/proc/{process}/statm").read_text().split()[0]) * getpagesize()
        prlimit(process, RLIMIT_AS, (mapped + MORE_MEMORY, RLIM_INFINITY))
        await front.process.printed("full: memory is short; newcomers get 503")
        for _ in range(3):
            await self.refuse_newcomer(front)
            await self.talk(users)
        prlimit(process, RLIMIT_AS, (RLIM_INFINITY, RLIM_INFINITY))
        await self.let_in(front)
