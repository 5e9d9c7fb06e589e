"""``ecm-swarm`` as a process, with real servers."""

import signal
import sys
from pathlib import Path

from twisted.internet.threads import deferToThread

from testkit.listeners import ANONYMOUS_DOMAIN
from testkit.private_ejabberd import running_ejabberd
from testkit.process import Process, start
from testkit.servers.bosh import started
from testkit.swarm_case import USERS, SwarmTestCase


class MegaphoneTests(SwarmTestCase):
    async def begin(self, *arguments: str) -> Process:
        """Start ECM in front of ejabberd, and a swarm."""
        upstream = running_ejabberd().listeners.upstream("auto")
        self.ecm = await super().start("--upstream", upstream)
        who = ("--anonymous", "--domain", ANONYMOUS_DOMAIN)
        return self.swarm(f"{self.url}/http-bind", *who, *arguments)

    async def test_every_message_arrives_once(self) -> None:
        swarm = await self.begin("--message-rate", "max", "--messages", "200", "--poll-rate", "20")
        result = await self.result(swarm, 0)
        self.all_was_well(result)
        self.assertEqual(result["messages"]["sent"], 200)
        self.assertGreater(result["own"]["bytes per user"], 0)
        self.assertTrue(Path(f"{self.output}.png").read_bytes().startswith(b"\x89PNG"))

    async def test_two_connections_each(self) -> None:
        talk = ("--connections", "2", "--message-rate", "100", "--messages", "50", "--rest", "0.5")
        self.all_was_well(await self.result(await self.begin(*talk), 0))

    async def test_more_requests_held_than_are_granted(self) -> None:
        talk = ("--hold", "2", "--message-rate", "100", "--messages", "50")
        self.all_was_well(await self.result(await self.begin(*talk), 0))

    async def test_a_storm(self) -> None:
        talk = ("--message-rate", "20", "--duration", "1", "--storm", "70")
        result = await self.result(await self.begin(*talk), 0)
        self.assertTrue(result["ok"])
        users = result["users"]
        self.assertEqual((users["logins"], users["left"], users["refused"]), (120, 120, 0))
        storm, delays = result["storm"], result["milliseconds"]
        self.assertEqual((storm["users"], storm["came back"]), (70, 70))
        self.assertGreater(storm["logins a second"], 0)
        self.assertLessEqual(delays["return"]["p50"], delays["return"]["max"])
        phases = ["start", "log in", "talk", "storm", "settle", "leave"]
        self.assertEqual(list(result["seconds"]), phases)
        self.assertIsNotNone(delays["message"]["p50"])

    async def test_answers_at_the_end_of_wait(self) -> None:
        result = await self.result(await self.begin("--wait", "1", "--duration", "2.5"), 0)
        self.all_was_well(result)
        logins_and_leaving = 7 * USERS
        self.assertGreaterEqual(result["requests"], logins_and_leaving + USERS)

    async def test_a_server_that_is_gone(self) -> None:
        swarm = await self.begin("--duration", "600")
        await swarm.printed(f"stay .* {USERS} online")
        self.ecm.signal(signal.SIGKILL)
        result = await self.result(swarm, 1)
        self.assertEqual(result["users"]["sessions lost"], USERS)
        self.assertEqual(result["errors"]["closed"], USERS)
        self.assertIn("refused", result["errors"])

    async def test_an_interrupt(self) -> None:
        swarm = await self.begin("--duration", "600")
        await swarm.printed(f"stay .* {USERS} online")
        swarm.signal(signal.SIGINT)
        result = await self.result(swarm, 1)
        self.assertTrue(result["interrupted"])
        self.assertEqual((result["users"]["left"], result["errors"]), (USERS, {}))

    async def test_two_interrupts(self) -> None:
        swarm = await self.begin("--rate", "1", "--duration", "600")
        await swarm.printed("log in .* [1-9] online")
        swarm.signal(signal.SIGINT)
        await swarm.printed("leave ")
        swarm.signal(signal.SIGINT)
        result = await self.result(swarm, 1)
        users = result["users"]
        self.assertTrue(result["interrupted"])
        self.assertLess(users["left"], users["logins"])


class OtherServerTests(SwarmTestCase):
    async def serve(self, name: str) -> str:
        """Start a server that knows all of them, and return its URL."""
        server = started(name, {f"user{number}": "secret" for number in range(USERS)})
        running = await deferToThread(server.__enter__)
        self.addCleanup(deferToThread, server.__exit__, None, None, None)
        return running.url

    async def stay(self, name: str, *talk: str) -> None:
        swarm = self.swarm(await self.serve(name), "--at-once", "2", *talk)
        self.all_was_well(await self.result(swarm, 0))

    async def test_stock_ejabberd(self) -> None:
        """Without messages: where two requests of a user overtake each other, the session of stock
        ejabberd sometimes stands still, and what is for it is lost."""
        await self.stay("ejabberd", "--poll-rate", "50", "--duration", "2")

    async def test_prosody(self) -> None:
        await self.stay("prosody", "--message-rate", "100", "--messages", "100")

    async def test_nobody_knows_them(self) -> None:
        url = await self.serve("prosody")
        swarm = self.swarm(url, "--users", "3", "--accounts", "user{}:wrong")
        result = await self.result(swarm, 1)
        self.assertEqual(result["users"]["given up"], 3)
        self.assertEqual(result["errors"], {"SASL not-authorized": 9})


class OrphanTests(SwarmTestCase):
    async def test_workers_end_with_their_coordinator(self) -> None:
        worker = start(self, sys.executable, "-m", "ecm.tools.swarm.worker")
        worker.transport.closeStdin()
        self.assertEqual(await worker.ended, 0)
