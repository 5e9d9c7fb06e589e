"""ECM in several processes: balancing, and the end of workers, fork server and supervisor."""

import os
import signal
import socket
from pathlib import Path
from threading import Event

from twisted.internet import reactor
from twisted.internet.defer import Deferred, DeferredList
from twisted.internet.endpoints import TCP4ClientEndpoint, connectProtocol
from twisted.internet.task import deferLater
from twisted.internet.threads import deferToThread

from ecm.limits import ACCEPT_BATCH, BURST
from testkit.ecm_process import EcmTestCase, start_ecm, temporary_folder
from testkit.process import open_files, parent, script, start
from testkit.raw_client import RawClient
from testkit.workers_case import WorkersTestCase


async def until_gone(process: int) -> None:
    """Wait until a process has gone. Its parent may be init, which reports no ends."""
    while os.path.exists(f"/proc/{process}/exe"):
        await deferLater(reactor, 0.01)


def children(process: int) -> list[int]:
    """Return the process IDs of the children of a process, without those that have ended."""
    found = Path(f"/proc/{process}/task/{process}/children").read_text().split()
    return [int(child) for child in found if os.path.exists(f"/proc/{child}/exe")]


# With these each of three workers has enough with 20 connections, and the next one gets some.
SPREAD = ("--max-connections", "240")

# Requests for what is not there, which a worker answers by itself.
NOTHING = b"GET /nothing HTTP/1.1\r\nHost: a\r\n\r\n" * 50


def keep_busy(port: int, until: Event) -> None:
    """Ask a worker as much as it can answer."""
    with socket.create_connection(("127.0.0.1", port)) as connection:
        while not until.is_set():
            connection.sendall(NOTHING)
            answers = b""
            while answers.count(b"HTTP/1.1 404 ") < 50:
                answers += connection.recv(2**16)


class SpreadTests(WorkersTestCase):
    def spread(self) -> list[int]:
        """Return the requests that are held on the links of all workers, by their numbers."""
        return [len(self.links.of(process).held) for process in self.processes]

    async def test_when_few_come_one_worker_has_them_all(self) -> None:
        await self.start_workers(3)
        await self.crowd(40)
        self.assertEqual(sorted(self.spread()), [0, 0, 40])

    async def test_when_it_is_busy_others_get_connections(self) -> None:
        await self.start_workers(2)
        done = Event()
        thread = deferToThread(keep_busy, self.port, done)
        while not all(self.spread()):
            await self.ask(b"%d" % self.links.held())
            await deferLater(reactor, 0.01)
        done.set()
        await thread

    async def test_a_storm_goes_to_all(self) -> None:
        ecm = await self.start_workers(2)
        ecm.signal(signal.SIGSTOP)
        coming = Deferred.fromCoroutine(self.crowd(2 * ACCEPT_BATCH))
        waiting = DeferredList([Deferred.fromCoroutine(self.connect()) for _ in range(10)])
        await waiting  # and so do those before them
        ecm.signal(signal.SIGCONT)
        await coming
        self.assertGreaterEqual(min(self.spread()), ACCEPT_BATCH - BURST - 10)

    async def connect(self) -> None:
        """Connect, and ask nothing."""
        endpoint = TCP4ClientEndpoint(reactor, "127.0.0.1", self.port)
        await connectProtocol(endpoint, RawClient(b""))

    async def test_each_worker_gets_its_part(self) -> None:
        ecm = await self.start_workers(3, *SPREAD)
        clients = await self.crowd(60)
        self.assertEqual(len(self.links.all), 3)
        self.assertEqual(self.spread(), [20, 20, 20])
        for link in self.links.all:
            link.answer()
        for name, client in clients.items():
            answer = await client.closed
            self.assertTrue(answer.startswith(b"HTTP/1.1 200 OK\r\n"), answer)
            self.assertTrue(answer.endswith(name))
        self.assertIn("for ejabberd at tcp:127.0.0.1", ecm.output)
        self.assertIn(", with 3 workers\n", ecm.output)

    async def test_the_connections_that_are_allowed_are_those_of_all(self) -> None:
        await self.start_workers(2, "--max-connections", "7")
        await self.crowd(7)
        self.assertEqual(sorted(len(link.held) for link in self.links.all), [3, 4])
        refused = await (await self.ask(b"one too many")).closed
        self.assertTrue(refused.startswith(b"HTTP/1.1 503 "), refused)
        self.assertEqual(self.links.held(), 7)

    async def test_there_is_room_again_when_clients_have_gone(self) -> None:
        await self.start_workers(2, "--max-connections", "2")
        for pause in (0, 3):  # workers tell once a second how many they have
            await deferLater(reactor, pause)
            clients = await self.crowd(2)
            for link in self.links.all:
                link.answer()
            for client in clients.values():
                self.assertIn(b"200 OK", await client.closed)

    async def test_those_who_come_together_are_with_few_workers(self) -> None:
        await self.start_workers(3)
        await self.crowd(60)
        self.assertEqual(sorted(len(link.held) for link in self.links.all)[0], 0)

    async def test_first_ids_differ(self) -> None:
        await self.start_workers(3, *SPREAD)
        await self.crowd(60)
        first = [min(link.held.values()) for link in self.links.all]
        self.assertGreater(min(abs(a - b) for a in first for b in first if a != b), 1000)
        self.assertEqual(len(set(first)), 3)


class DeathTests(WorkersTestCase):
    async def test_only_its_own_clients_notice_that_a_worker_is_killed(self) -> None:
        ecm = await self.start_workers(3, *SPREAD)
        clients = await self.crowd(60)
        victim = self.links.of(self.processes[1])
        lost, links = set(victim.held), [link for link in self.links.all if link is not victim]
        self.assertGreater(len(lost), 0)
        os.kill(victim.process, signal.SIGKILL)
        for name in lost:
            self.assertEqual(await clients.pop(name).closed, b"")
        await ecm.printed("worker 2 was killed by SIGKILL")
        await self.links.until(greeted=4)
        for link in links:
            link.answer()
        for name, client in clients.items():
            self.assertTrue((await client.closed).endswith(name))
        victim.held = {}
        await self.crowd(60)
        self.assertGreater(len(self.links.all[3].held), 5)

    async def test_one_that_dies_again_at_once_is_replaced_later(self) -> None:
        ecm = await self.start_workers(2)
        os.kill(self.processes[0], signal.SIGKILL)
        await ecm.printed(r"worker 1 was killed by SIGKILL; respawning in 0\.0 s")
        await self.links.until(greeted=3)
        os.kill(self.links.all[2].process, signal.SIGKILL)
        await ecm.printed(r"worker 1 was killed by SIGKILL; respawning in 0\.5 s")
        await self.links.until(greeted=4)

    async def test_a_worker_that_is_told_to_end_drains_and_is_replaced(self) -> None:
        ecm = await self.start_workers(2, "--drain-timeout", "3600")
        clients = await self.crowd(20)
        os.kill(self.processes[0], signal.SIGTERM)
        await ecm.printed("worker 1 was signalled to end; shutting down gracefully")
        for link in self.links.all:
            link.answer()
        for name, client in clients.items():
            self.assertTrue((await client.closed).endswith(name))
        await self.links.until(greeted=3)
        await ecm.printed("worker 1 exited with status 0")

    async def test_workers_end_when_the_supervisor_is_killed(self) -> None:
        ecm = await self.start_workers(2)
        await self.crowd(4)
        ecm.signal(signal.SIGKILL)
        await ecm.ended
        for process in self.processes:
            await until_gone(process)

    async def fork_servers(self) -> tuple[int, int]:
        """Return the process IDs of the fork server and of its spare, once that is there."""
        fork_server = parent(self.processes[0])
        while not (spares := {*children(fork_server)} - {*self.processes}):
            await deferLater(reactor, 0.01)
        return fork_server, spares.pop()

    async def kill_fork_servers(self) -> None:
        for process in await self.fork_servers():
            os.kill(process, signal.SIGKILL)

    async def test_processes_have_names(self) -> None:
        await self.start_workers(2)
        fork_server, spare = await self.fork_servers()
        names = {fork_server: "ecm: fork server", spare: "ecm: fork spare"}
        names |= {self.processes[0]: "ecm: worker 1", self.processes[1]: "ecm: worker 2"}
        for process, name in names.items():
            folder = Path(f"/proc/{process}")
            self.assertEqual((folder / "comm").read_text(), f"{name[:15]}\n")
            self.assertEqual((folder / "cmdline").read_bytes().rstrip(b"\0").decode(), name)

    async def test_when_the_fork_server_is_killed_its_spare_takes_its_place(self) -> None:
        ecm = await self.start_workers(2)
        clients = await self.crowd(8)
        fork_server, spare = await self.fork_servers()
        os.kill(fork_server, signal.SIGKILL)
        await ecm.printed("worker fork server exited; its spare takes its place")
        for link in self.links.all:
            link.answer()
        for name, client in clients.items():
            self.assertTrue((await client.closed).endswith(name))
        os.kill(self.processes[0], signal.SIGKILL)
        await ecm.printed(r"worker 1 has ended; respawning in 0\.0 s")
        await self.links.until(greeted=3)
        self.assertEqual(parent(self.links.all[2].process), spare)
        os.kill(self.links.all[2].process, signal.SIGKILL)
        await ecm.printed("worker 1 was killed by SIGKILL")
        await self.links.until(greeted=4)
        await self.crowd(8)

    async def test_a_fork_server_that_hangs_is_replaced_when_it_is_needed(self) -> None:
        ecm = await self.start_workers(2, "--worker-timeout", "3")
        fork_server, _ = await self.fork_servers()
        os.kill(fork_server, signal.SIGSTOP)
        os.kill(self.processes[0], signal.SIGKILL)
        await ecm.printed("worker fork server hangs; killing it")
        await ecm.printed(r"worker 1 has ended; respawning in 0\.0 s")
        await self.links.until(greeted=3)

    async def test_a_spare_that_is_killed_is_replaced(self) -> None:
        ecm = await self.start_workers(2)
        _, spare = await self.fork_servers()
        os.kill(spare, signal.SIGKILL)
        await ecm.printed("the spare of the worker fork server has ended; forking another one")
        await until_gone(spare)
        self.assertNotEqual((await self.fork_servers())[1], spare)

    async def test_without_a_fork_server_ecm_shuts_down_gracefully(self) -> None:
        ecm = await self.start_workers(2, "--drain-timeout", "3600")
        clients = await self.crowd(8)
        await self.kill_fork_servers()
        await ecm.printed("stopping: ")
        for link in self.links.all:
            link.answer()
        for name, client in clients.items():
            self.assertTrue((await client.closed).endswith(name))
        self.assertEqual(await ecm.ended, 1)

    async def test_ecm_stops_when_no_worker_can_be_replaced(self) -> None:
        ecm = await self.start_workers(2)
        await self.kill_fork_servers()
        self.assertEqual(await ecm.ended, 1)
        self.assertIn("worker fork server exited, and its spare; shutting down", ecm.output)
        for process in self.processes:
            await until_gone(process)


class StopTests(WorkersTestCase):
    async def test_all_drain(self) -> None:
        ecm = await self.start_workers(3, "--drain-timeout", "3600")
        clients = await self.crowd(12)
        ecm.signal(signal.SIGTERM)
        await ecm.printed("stopping: ")
        for link in self.links.all:
            link.answer()
        for name, client in clients.items():
            self.assertTrue((await client.closed).endswith(name))
        self.assertEqual(await ecm.ended, -signal.SIGTERM)
        self.assertEqual(ecm.output.count("ECM stopped: "), 3)
        self.assertNotIn("Traceback", ecm.output)

    async def test_a_second_signal_makes_the_shutdown_fast(self) -> None:
        ecm = await self.start_workers(2, "--drain-timeout", "3600")
        clients = await self.crowd(8)
        ecm.signal(signal.SIGINT)
        await ecm.printed("stopping: ")
        ecm.signal(signal.SIGTERM)
        for client in clients.values():
            self.assertTrue((await client.closed).startswith(b"HTTP/1.1 503 "))
        self.assertEqual(await ecm.ended, -signal.SIGINT)

    async def test_ctrl_c_reaches_all_and_drains_once(self) -> None:
        ecm = await self.start_workers(2, "--drain-timeout", "3600")
        clients = await self.crowd(4)
        for process in self.processes:
            os.kill(process, signal.SIGINT)
        ecm.signal(signal.SIGINT)
        await ecm.printed("stopping: ")
        for link in self.links.all:
            link.answer()
        for name, client in clients.items():
            self.assertTrue((await client.closed).endswith(name))
        self.assertEqual(await ecm.ended, -signal.SIGINT)

    async def test_nothing_is_left(self) -> None:
        ecm = await self.start_workers(2)
        await ecm.stop()
        for process in self.processes:
            await until_gone(process)


class StartTests(EcmTestCase):
    async def test_a_busy_port_is_one_line_and_status_1(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as busy:
            endpoint = f"tcp:{busy.getsockname()[1]}:interface=127.0.0.1"
            ecm = start_ecm(self, "--workers", "2", "--listen", endpoint)
            self.assertEqual(await ecm.ended, 1)
        self.assertRegex(ecm.output, r"twistd ecm: Couldn't listen on 127\.0\.0\.1:[0-9]+: .*use")
        self.assertNotIn("Traceback", ecm.output)

    async def test_a_daemon_on_a_busy_port_says_so_and_status_1(self) -> None:
        log = temporary_folder(self) / "twistd.log"
        with socket.create_server(("127.0.0.1", 0)) as busy:
            listen = f"tcp:{busy.getsockname()[1]}:interface=127.0.0.1"
            arguments = ("ecm", "--workers", "2", "--listen", listen)
            ecm = start(self, script("twistd"), "--pidfile=", f"--logfile={log}", *arguments)
            self.assertEqual(await ecm.ended, 1)
        self.assertIn("Couldn't listen on", ecm.output)

    async def test_without_a_key_no_worker_starts(self) -> None:
        ecm = start_ecm(self, "--workers", "2", "--listen", "ssl:0:privateKey=/no/key.pem")
        self.assertEqual(await ecm.ended, 1)
        self.assertRegex(ecm.output, r"\Atwistd ecm: --listen ssl:.*no/key\.pem.*\n\Z")

    async def test_the_open_files_are_as_many_as_may_be_and_told(self) -> None:
        limited = ("-c", 'ulimit -S -n 300; ulimit -H -n 1128; exec "$@"', "sh", script("twistd"))
        twistd = ("-n", "--pidfile=", "ecm", "--listen", "tcp:0:interface=127.0.0.1")
        for workers, text in (
            ("1", "1,128 open files: enough for 1,000 connections\n"),
            ("2", "enough for 1,000 connections in each of 2 workers, 2,000 in all\n"),
        ):
            ecm = start(self, "/bin/sh", *limited, *twistd, "--workers", workers)
            await ecm.printed("serves BOSH on")
            self.assertIn(text, ecm.output)
            await ecm.stop()

    async def test_workers_run_on_the_reactor_that_twistd_was_told_to_use(self) -> None:
        twistd = ("-n", "--pidfile=", "--reactor=poll", "ecm", "--workers", "2")
        listen = ("--listen", "tcp:0:interface=127.0.0.1")
        ecm = start(self, script("twistd"), *twistd, *listen)
        found = await ecm.printed(r"worker 1: serving as process ([0-9]+)")
        files = open_files(int(found[1]))
        of_batched_io = 2  # of those who shake hands, and of all others
        self.assertEqual(files.count("anon_inode:[eventpoll]"), of_batched_io)
