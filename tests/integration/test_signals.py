"""Signals end no process of ECM without a line in the log."""

import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path

from twisted.internet import reactor
from twisted.internet.task import deferLater

from testkit.ecm_process import LOOPBACK, EcmTestCase, Ejabberd, start_ecm, temporary_folder
from testkit.process import Process, parent, script, start
from testkit.workers_case import WorkersTestCase

# By default each of these ends a process.
MEANINGLESS = [
    *(signal.SIGUSR2, signal.SIGALRM, signal.SIGQUIT, signal.SIGVTALRM, signal.SIGPROF),
    *(signal.SIGIO, signal.SIGPWR, signal.SIGSTKFLT, signal.SIGXCPU, signal.SIGRTMIN),
]


async def until(holds: Callable[[], bool]) -> None:
    """Wait until something holds that nobody tells."""
    while not holds():
        await deferLater(reactor, 0.01)


class OneProcessTests(EcmTestCase):
    async def test_sigterm_ends_ecm_also_before_its_reactor_runs(self) -> None:
        """As when it has just logged that it serves."""
        code = (
            "import os, signal; from ecm import signals;"
            "signals.hear(None, {}); os.kill(os.getpid(), signal.SIGTERM); print('it lives')"
        )
        ended = await start(self, sys.executable, "-c", code).ended
        self.assertEqual(ended, -signal.SIGTERM)

    async def test_one_that_means_nothing_is_logged_and_ecm_goes_on(self) -> None:
        self.ejabberd = await Ejabberd.start(self)
        ecm = await self.start("--upstream", self.ejabberd.endpoint)
        for number in MEANINGLESS:
            ecm.signal(number)
            await ecm.printed(f"{number.name} means nothing to this process; going on")
        ecm.signal(signal.SIGRTMAX - 1)
        await ecm.printed("signal 63 means nothing to this process; going on")
        self.assertEqual(await self.post("/bosh", b"<body/>"), (200, b"<body/>"))

    async def test_sighup_is_logged_and_ecm_goes_on(self) -> None:
        self.ejabberd = await Ejabberd.start(self)
        ecm = await self.start("--upstream", self.ejabberd.endpoint)
        ecm.signal(signal.SIGHUP)
        await ecm.printed("SIGHUP: ")
        self.assertEqual(await self.post("/bosh", b"<body/>"), (200, b"<body/>"))

    async def test_without_a_log_file_sigusr1_says_so(self) -> None:
        ecm = await self.start("--upstream", "tcp:127.0.0.1:1")
        ecm.signal(signal.SIGUSR1)
        await ecm.printed("SIGUSR1: the log goes to no file, so there is none to open anew")


# Python runs it at its own start. It sends the process a signal at the first event of this kind.
AT_EVENT = """
import os, sys

def see(event, arguments, sent=[]):
    if not sent and event == {event!r} and {argument!r} in arguments[:1]:
        sent.append(event)
        os.kill(os.getpid(), {number})

if {program!r} in sys.orig_argv:
    sys.addaudithook(see)
"""


class StartTests(WorkersTestCase):
    """Signals that come while ECM starts."""

    def signal_at(
        self,
        event: str,
        argument: str | None = None,
        number: int = signal.SIGHUP,
        program: str = "ecm",
    ) -> None:
        """Have ECM get a signal; an event without an argument has none."""
        folder = temporary_folder(self)
        code = AT_EVENT.format(event=event, argument=argument, number=int(number), program=program)
        if argument is None:
            code = code.replace(" and None in arguments[:1]", "")
        (folder / "sitecustomize.py").write_text(code)
        self.environment = {"PYTHONPATH": f"{folder}"}

    async def test_sighup_reloads_once_ecm_has_started(self) -> None:
        for module in ("ecm.service", "ecm.one_process"):
            self.signal_at("import", module)
            ecm = await self.start("--upstream", "tcp:127.0.0.1:1")
            await ecm.printed("SIGHUP: reloading")
            await ecm.printed("reload: nothing has changed")

    async def test_so_it_does_with_workers(self) -> None:
        self.signal_at("import", "ecm.workers.supervisor")
        ecm = await self.start_workers(2)
        await ecm.printed("reload: nothing has changed")

    async def test_others_are_logged_then(self) -> None:
        for number, said in (
            (signal.SIGUSR1, "SIGUSR1: the log goes to no file"),
            (signal.SIGALRM, "SIGALRM means nothing to this process; going on"),
        ):
            self.signal_at("import", "ecm.service", number)
            ecm = await self.start("--upstream", "tcp:127.0.0.1:1")
            await ecm.printed(said)

    async def test_they_are_followed_in_their_order(self) -> None:
        code = (
            "import signal; from types import SimpleNamespace; from ecm import signals\n"
            "numbers = signal.SIGUSR2, signal.SIGHUP, signal.SIGALRM\n"
            "signals.keep(); [signal.raise_signal(each) for each in numbers]\n"
            "at_once = SimpleNamespace(callFromThread=lambda act: act())\n"
            "signals.hear(at_once, {each: lambda each=each: print(each.name) for each in numbers})"
        )
        ended = start(self, sys.executable, "-c", code)
        self.assertEqual(await ended.ended, 0)
        self.assertEqual(ended.output.split(), ["SIGUSR2", "SIGHUP", "SIGALRM"])

    async def test_sigterm_ends_the_start(self) -> None:
        self.signal_at("import", "ecm.service", signal.SIGTERM)
        ecm = start_ecm(self, "--listen", LOOPBACK, environment=self.environment)
        self.assertEqual(await ecm.ended, -signal.SIGTERM)

    async def test_one_for_the_fork_server_means_nothing(self) -> None:
        for number in (signal.SIGHUP, signal.SIGTERM, signal.SIGINT, signal.SIGUSR2):
            self.signal_at("import", "ecm.workers", number, "ecm.workers.fork_server")
            ecm = await self.start_workers(2)
            self.assertNotIn(number.name, ecm.output)

    async def test_a_daemon_reloads_too(self) -> None:
        folder = temporary_folder(self)
        self.signal_at("os.fork")
        log, pid = folder / "log", folder / "pid"
        command = (script("twistd"), f"--logfile={log}", f"--pidfile={pid}", "ecm")
        options = ("--listen", LOOPBACK, "--upstream", "tcp:127.0.0.1:1")
        ecm = start(self, *command, *options, environment=self.environment)
        self.assertEqual(await ecm.ended, 0)
        daemon = int(pid.read_text())
        self.addCleanup(until, lambda: not os.path.exists(f"/proc/{daemon}/exe"))
        self.addCleanup(os.kill, daemon, signal.SIGTERM)
        await until(lambda: "reload: nothing has changed" in log.read_text())


class LogFileTests(EcmTestCase):
    async def start_logging(self) -> Process:
        """Start ECM with a log file; its output is none of ECM's any more."""
        self.folder = temporary_folder(self)
        self.log = self.folder / "ecm.log"
        command = (script("twistd"), "-n", "--pidfile=", f"--logfile={self.log}", "ecm")
        ecm = start(self, *command, "--listen", LOOPBACK, "--upstream", "tcp:127.0.0.1:1")
        await self.until_in(self.log, "serves BOSH on")
        return ecm

    async def until_in(self, file: Path, text: str) -> None:
        await until(lambda: file.exists() and text in file.read_text())

    async def test_sigusr1_goes_on_in_a_new_file_once_the_old_one_was_renamed(self) -> None:
        ecm = await self.start_logging()
        old = self.log.rename(self.folder / "ecm.log.1")
        ecm.signal(signal.SIGUSR1)
        await self.until_in(self.log, f"SIGUSR1: log file opened anew: {self.log}")
        ecm.signal(signal.SIGUSR2)
        await self.until_in(self.log, "SIGUSR2 means nothing")
        self.assertNotIn("SIGUSR2", old.read_text())

    async def test_one_that_cannot_be_opened_keeps_the_old_one(self) -> None:
        ecm = await self.start_logging()
        old = self.log.rename(self.folder / "ecm.log.1")
        self.log.mkdir()
        ecm.signal(signal.SIGUSR1)
        await self.until_in(old, "SIGUSR1: going on in the old log file: [Errno 21] Is a directory")


class WorkersTests(WorkersTestCase):
    async def test_none_ends_a_worker_the_fork_server_or_its_spare(self) -> None:
        ecm = await self.start_workers(2)
        fork_server = parent(self.processes[0])
        await until(lambda: len(children(fork_server)) == 3)
        processes = {fork_server, *children(fork_server)}
        for process in processes:
            for number in (signal.SIGHUP, signal.SIGUSR1, *MEANINGLESS):
                os.kill(process, number)
        for each in (1, 2):
            await ecm.printed(f"worker {each}: SIGHUP and SIGUSR1 are for the supervisor")
        ecm.signal(signal.SIGHUP)
        await ecm.printed("SIGHUP: ")
        clients = await self.crowd(8)
        for link in self.links.all:
            link.answer()
        for name, client in clients.items():
            self.assertTrue((await client.closed).endswith(name))
        self.assertEqual({fork_server, *children(fork_server)}, processes)

    async def test_a_worker_that_fails_in_c_says_where(self) -> None:
        ecm = await self.start_workers(2)
        os.kill(self.processes[0], signal.SIGSEGV)
        await ecm.printed("worker 1: Fatal Python error: Segmentation fault")
        await ecm.printed("worker 1 was killed by SIGSEGV")


def children(process: int) -> list[int]:
    """Return the process IDs of the children of a process."""
    found = Path(f"/proc/{process}/task/{process}/children").read_text().split()
    return [int(child) for child in found]
