"""A worker that hangs, stopped by SIGSTOP: found, killed and replaced, and nobody waits for it."""

import contextlib
import os
import signal
from pathlib import Path

from twisted.internet import reactor
from twisted.internet.task import deferLater
from twisted.trial.unittest import TestCase

from testkit.ecm_process import temporary_folder
from testkit.workers_case import WorkersTestCase

QUICK = ("--worker-timeout", "3")


# As a kernel before 5.3 answers, and some sandboxes do.
WITHOUT_PIDFD = """
import os

def none(pid, flags=0):
    raise OSError(38, "Function not implemented")

os.pidfd_open = none
"""


def without_pidfd(test: TestCase) -> Path:
    """Return a folder for PYTHONPATH with which Python has no pidfd_open(2)."""
    folder = temporary_folder(test)
    (folder / "sitecustomize.py").write_text(WITHOUT_PIDFD)
    return folder


class HangTests(WorkersTestCase):
    def stop_process(self, process: int) -> None:
        """Stop a process. It goes on, if it lives, at the end of the test."""
        os.kill(process, signal.SIGSTOP)
        self.addCleanup(self.go_on, process)

    def go_on(self, process: int) -> None:
        with contextlib.suppress(ProcessLookupError):  # it was killed
            os.kill(process, signal.SIGCONT)

    async def test_its_clients_see_a_closed_connection_and_it_is_replaced(self) -> None:
        ecm = await self.start_workers(2, *QUICK)
        clients = await self.crowd(20)
        victim = self.links.of(self.processes[0])
        self.stop_process(victim.process)
        for name in victim.held:
            self.assertEqual(await clients.pop(name).closed, b"")
        await ecm.printed("worker 1 has said nothing for 3 s, it hangs; killing it")
        await ecm.printed(r"worker 1 was killed by SIGKILL; respawning in 0\.0 s")
        await self.links.until(greeted=3)
        self.links.of(self.processes[1]).answer()
        for name, client in clients.items():
            self.assertTrue((await client.closed).endswith(name))

    async def test_a_kernel_that_names_no_process_by_a_file_does_not_spare_it(self) -> None:
        self.environment = {"PYTHONPATH": str(without_pidfd(self))}
        ecm = await self.start_workers(2, *QUICK)
        self.stop_process(self.processes[0])
        await ecm.printed(r"worker 1 was killed by SIGKILL; respawning in 0\.0 s")

    async def test_connections_that_it_has_not_taken_are_served_by_another(self) -> None:
        await self.start_workers(2, *QUICK)
        self.stop_process(self.processes[0])
        clients = await self.crowd(20)  # all of them are held by the other one in the end
        for link in self.links.all:
            link.answer()
        for name, client in clients.items():
            self.assertTrue((await client.closed).endswith(name))

    async def test_a_supervisor_that_was_stopped_itself_kills_nobody(self) -> None:
        ecm = await self.start_workers(2, *QUICK)
        ecm.signal(signal.SIGSTOP)
        await deferLater(reactor, 5)
        ecm.signal(signal.SIGCONT)
        await self.crowd(20)  # it accepts again
        await deferLater(reactor, 2)  # and has looked at its workers
        self.assertNotIn("has said nothing", ecm.output)
        for process in self.processes:
            os.kill(process, 0)

    async def test_all_processes_stopped_at_once_go_on_as_if_nothing_had_been(self) -> None:
        ecm = await self.start_workers(2, *QUICK)
        for process in self.processes:
            self.stop_process(process)
        ecm.signal(signal.SIGSTOP)
        await deferLater(reactor, 5)
        ecm.signal(signal.SIGCONT)
        for process in self.processes:
            self.go_on(process)
        await self.crowd(20)
        self.assertNotIn("has said nothing", ecm.output)
