"""A reload: nobody's connection is refused, and no answer is lost."""

import os
import signal

from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionRefusedError

from ecm.tools.ports import free_port
from testkit.ecm_process import start_ecm, temporary_folder
from testkit.process import Process, parent
from testkit.workers_case import Links, WorkersTestCase


class ReloadTestCase(WorkersTestCase):
    generation = 1

    async def start_with_file(self, **options: object) -> Process:
        """Start ECM with these options in its file."""
        self.links = await Links.start(self)
        self.file = temporary_folder(self) / "ecm.toml"
        self.options = {
            "listen": ["tcp:0:interface=127.0.0.1"],
            "upstream": [self.links.endpoint],
            "drain-timeout": 2,
            "workers": 2,
            **{name.replace("_", "-"): value for name, value in options.items()},
        }
        self.write()
        ecm = start_ecm(self, "--config", str(self.file))
        self.port = int((await ecm.printed(r"Factory starting on ([0-9]+)"))[1])
        await self.links.until(greeted=int(str(self.options["workers"])))
        return ecm

    def write(self, **options: object) -> None:
        self.options |= {name.replace("_", "-"): value for name, value in options.items()}
        lines = (f"{name} = {_toml(value)}\n" for name, value in self.options.items())
        self.file.write_text("".join(lines))

    async def reload(self, ecm: Process, **options: object) -> None:
        """Change options, and wait until the next generation serves."""
        self.write(**options)
        self.generation += 1
        ecm.signal(signal.SIGHUP)
        await ecm.printed(f"reload: generation {self.generation} serves")


def _toml(value: object) -> str:
    return repr(value) if not isinstance(value, bool) else str(value).lower()


class OptionTests(ReloadTestCase):
    async def test_new_connections_get_the_new_option_and_old_ones_their_answer(self) -> None:
        ecm = await self.start_with_file()
        clients = await self.crowd(20)
        before = [*self.links.all]
        await self.reload(ecm, path=["/new"])
        await ecm.printed("reload: generation 2 serves, 2 workers; changed: --path")
        self.assertEqual(self.links.greeted(), 4)
        refused = await (await self.ask(b"a path of before")).closed
        self.assertTrue(refused.startswith(b"HTTP/1.1 404 "), refused)
        for link in before:
            link.answer()
        for name, client in clients.items():
            answer = await client.closed
            self.assertTrue(answer.startswith(b"HTTP/1.1 200 OK\r\n"), answer)
            self.assertTrue(answer.endswith(name))
        await ecm.printed("generation 1 of workers has ended")
        for process in {link.process for link in before}:
            self.assertFalse(os.path.exists(f"/proc/{process}"))

    async def test_nobody_is_refused_meanwhile(self) -> None:
        ecm = await self.start_with_file()
        self.links.answers = True
        going = True
        answers: list[bytes] = []

        async def talk(number: int) -> None:
            while going:
                name = b"%d" % number
                answers.append(await (await self.ask(name)).closed)

        talkers = [Deferred.fromCoroutine(talk(number)) for number in range(20)]
        for limit in (8192, 4096):
            await self.reload(ecm, max_body=limit)
        await ecm.printed("generation 2 of workers has ended")
        going = False
        for talker in talkers:
            await talker
        wrong = [answer for answer in answers if not answer.startswith(b"HTTP/1.1 200 OK\r\n")]
        self.assertEqual(wrong, [])
        self.assertGreater(len(answers), 100)

    async def test_one_worker_with_a_file_has_a_supervisor(self) -> None:
        ecm = await self.start_with_file(workers=1)
        await self.reload(ecm, workers=2)
        await ecm.printed("generation 2 serves, 2 workers; changed: --workers")

    async def test_a_mistake_changes_nothing_and_is_said(self) -> None:
        ecm = await self.start_with_file()
        self.write(max_body="many")
        ecm.signal(signal.SIGHUP)
        said = await ecm.printed(r"reload: (.*); nothing has changed")
        self.assertIn("ecm.toml:", said[1])
        self.assertIn("max-body", said[1])
        await self.crowd(4)
        self.assertEqual(self.links.greeted(), 2)

    async def test_without_a_change_nothing_happens(self) -> None:
        ecm = await self.start_with_file()
        ecm.signal(signal.SIGHUP)
        await ecm.printed("reload: nothing has changed")
        self.assertEqual(self.links.greeted(), 2)

    async def test_what_needs_a_restart_is_named(self) -> None:
        ecm = await self.start_with_file()
        self.write(admin="tcp:0:interface=127.0.0.1")
        ecm.signal(signal.SIGHUP)
        await ecm.printed("reload: --admin has changed: that needs a restart of ECM")
        self.assertEqual(self.links.greeted(), 2)
        await self.reload(ecm, max_body=4096)
        ecm.signal(signal.SIGHUP)
        await ecm.printed("(?s)(--admin has changed.*){3}")

    async def test_an_upstream_that_nobody_listens_at_is_not_taken(self) -> None:
        ecm = await self.start_with_file()
        self.write(upstream=[f"tcp:127.0.0.1:{free_port()}"])
        ecm.signal(signal.SIGHUP)
        await ecm.printed("reload: no new worker has a link after 10 s, and the present ones have")
        await ecm.printed("generation 2 of workers has ended")
        await self.crowd(4)

    async def test_a_storm_of_signals_is_two_reloads_at_most(self) -> None:
        ecm = await self.start_with_file()
        self.write(max_body=4096)
        ecm.signal(signal.SIGHUP)
        await ecm.printed("SIGHUP: reloading")
        for _ in range(200):  # many of these are one for the kernel
            ecm.signal(signal.SIGHUP)
        await ecm.printed("reload: generation 2 serves")
        await ecm.printed("reload: nothing has changed")
        await ecm.printed("generation 1 of workers has ended")
        await self.crowd(4)
        self.assertEqual(ecm.output.count(" serves, "), 1)

    async def test_a_stop_during_a_reload_ends_everything(self) -> None:
        ecm = await self.start_with_file()
        clients = await self.crowd(4)
        self.write(max_body=4096)
        ecm.signal(signal.SIGHUP)
        await ecm.printed("SIGHUP: reloading")
        ecm.signal(signal.SIGTERM)
        await ecm.printed("stopping: ")
        for link in self.links.all:
            link.answer()
        for name, client in clients.items():
            self.assertTrue((await client.closed).endswith(name))
        self.assertEqual(await ecm.ended, -signal.SIGTERM)
        self.assertNotIn("Traceback", ecm.output)

    async def test_the_fork_server_of_a_new_generation_has_a_spare(self) -> None:
        ecm = await self.start_with_file()
        await self.reload(ecm, max_body=4096)
        await ecm.printed("generation 1 of workers has ended")
        worker = self.links.all[-1].process
        os.kill(parent(worker), signal.SIGKILL)
        await ecm.printed("worker fork server exited; its spare takes its place")
        os.kill(worker, signal.SIGKILL)
        await self.links.until(greeted=5)
        await self.crowd(4)


class EndpointTests(ReloadTestCase):
    async def test_an_endpoint_is_opened_and_closed(self) -> None:
        ecm = await self.start_with_file()
        first, second = self.port, free_port()
        listen = [*self.options["listen"], f"tcp:{second}:interface=127.0.0.1"]  # type: ignore[misc]
        await self.reload(ecm, listen=listen)
        for self.port in (second, first):
            client = await self.ask(b"one")
            await self.links.until(held=1)
            for link in self.links.all:
                link.answer()
            self.assertTrue((await client.closed).endswith(b"one"))
        await self.reload(ecm, listen=listen[1:])
        await ecm.printed("; closed: 127.0.0.1 port 0")
        self.port = first
        with self.assertRaises(ConnectionRefusedError):
            await self.ask(b"nobody")

    async def test_one_that_is_taken_changes_nothing(self) -> None:
        other = await Links.start(self)
        taken = other.endpoint.rpartition(":")[2]
        ecm = await self.start_with_file()
        self.write(listen=["tcp:0:interface=127.0.0.1", f"tcp:{taken}:interface=127.0.0.1"])
        ecm.signal(signal.SIGHUP)
        await ecm.printed("reload: .*Address already in use.*; nothing has changed")
        await self.crowd(4)
