"""The log of ``twistd ecm``: its formats, where it goes, and a reader that stalls."""

import json
import os
import re
import socket
from collections.abc import Mapping
from fcntl import F_SETPIPE_SZ, fcntl
from signal import SIGTERM
from typing import Any

from twisted.internet import reactor
from twisted.internet.task import deferLater

from testkit.ecm_process import LOOPBACK, EcmTestCase, Ejabberd, start_ecm, temporary_folder
from testkit.process import PIPES, Process, script, start
from testkit.workers_case import Links

TWISTD = (script("twistd"), "-n", "--pidfile=")
NOBODY = ("--upstream", "tcp:127.0.0.1:1")


class Reader:
    """A reader of ECM's log, which reads when it is told to."""

    def __init__(self, end: int) -> None:
        os.set_blocking(end, False)
        self._end = end
        self.read = ""

    async def until(self, text: str) -> None:
        """Read until a text has come."""
        while text not in self.read:
            try:
                data = os.read(self._end, 65536)
            except BlockingIOError:
                await deferLater(reactor, 0.01)
                continue
            assert data, self.read
            self.read += data.decode()


class LogTestCase(EcmTestCase):
    def start_with(
        self,
        files: Mapping[int, int | str],
        *arguments: str,
        environment: Mapping[str, str] = {},
    ) -> Process:
        """Start ECM with these files as its stdin, stdout and stderr."""
        command = (*TWISTD, "ecm", "--listen", LOOPBACK, *arguments)
        return start(self, *command, files={**PIPES, **files}, environment=environment)


class StalledReaderTests(LogTestCase):
    async def start_unread(self, *arguments: str) -> Reader:
        """Start ECM, whose log fits into a pipe no further soon after its start."""
        end, stdout = os.pipe()
        self.addCleanup(os.close, end)
        fcntl(stdout, F_SETPIPE_SZ, 4096)
        self.ecm = self.start_with({1: stdout}, *arguments)
        os.close(stdout)
        reader = Reader(end)
        await reader.until("link up")
        port = int(reader.read.partition("Factory starting on ")[2].split()[0])
        self.url = f"http://127.0.0.1:{port}"
        return reader

    async def test_clients_do_not_wait_for_it(self) -> None:
        ejabberd = await Ejabberd.start(self)
        reader = await self.start_unread("--upstream", ejabberd.endpoint)
        for _ in range(20):
            ejabberd.hang_up()
            self.assertEqual(await self.post("/bosh", b"<body/>"), (200, b"<body/>"))
        self.assertNotIn("Server Shut Down", reader.read)
        self.ecm.signal(SIGTERM)
        await reader.until("Server Shut Down")
        self.assertGreater(len(reader.read), 4096 + 1024)
        self.assertEqual(reader.read.count("link up"), 21, reader.read)

    async def test_neither_do_those_of_workers(self) -> None:
        links = await Links.start(self)
        links.answers = True
        reader = await self.start_unread("--upstream", links.endpoint, "--workers", "2")
        for _ in range(15):
            for link in links.all[-2:]:
                link.transport.abortConnection()
            self.assertEqual(await self.post("/bosh", b"<body/>"), (200, b"<body/>"))
        self.ecm.signal(SIGTERM)
        await reader.until("Server Shut Down")
        self.assertGreater(len(reader.read), 4096 + 1024)


class JournalTests(LogTestCase):
    async def test_lines_of_all_processes_have_priorities(self) -> None:
        """Its stdout is a socket of the journal, as systemd has it."""
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        self.addCleanup(ours.close)
        found = os.fstat(theirs.fileno())
        environment = {"JOURNAL_STREAM": f"{found.st_dev}:{found.st_ino}"}
        files = {1: theirs.fileno()}
        ecm = self.start_with(files, *NOBODY, "--workers", "2", environment=environment)
        theirs.close()
        reader = Reader(ours.fileno())
        await reader.until("worker 2: no link to ejabberd")
        ecm.signal(SIGTERM)
        await reader.until("Server Shut Down")
        lines = reader.read.splitlines()
        self.assertEqual([line for line in lines if not re.match(r"<[246]>\w|<6>\(", line)], [])
        self.assertTrue([line for line in lines if line.startswith("<6>worker 1: serving as")])
        self.assertTrue([line for line in lines if line.startswith("<4>worker 2: no link to ")])
        self.assertNotRegex(reader.read, r"\d\d:\d\d:\d\d")

    async def test_it_may_be_stderr_alone(self) -> None:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        self.addCleanup(ours.close)
        found = os.fstat(theirs.fileno())
        environment = {"JOURNAL_STREAM": f"{found.st_dev}:{found.st_ino}"}
        self.start_with({2: theirs.fileno()}, *NOBODY, environment=environment)
        theirs.close()
        await Reader(ours.fileno()).until("\n<6>ECM ")

    async def test_another_output_of_a_service_of_systemd_is_text(self) -> None:
        """Whoever starts a process under systemd passes the variable on."""
        ecm = self.start_with({}, *NOBODY, environment={"JOURNAL_STREAM": "1:2"})
        await ecm.printed(r"\n\S+ \[ecm\.service#info\] ECM ")

    async def test_it_may_be_asked_for(self) -> None:
        ecm = self.start_with({}, *NOBODY, "--log-format", "journal")
        await ecm.printed(r"\n<4>no link to ejabberd")


class JsonTests(LogTestCase):
    async def test_each_line_is_an_object(self) -> None:
        ecm = self.start_with({}, *NOBODY, "--workers", "2", "--log-format", "json")
        await ecm.printed('"worker": 2, "text": "no link to ejabberd')
        await ecm.stop()
        entries: list[dict[str, Any]] = [json.loads(line) for line in ecm.output.splitlines()]
        for entry in entries:
            self.assertEqual([*entry], ["time", "level", "logger", "worker", "text", "fields"])
        found = {entry["text"].partition(":")[0]: entry for entry in entries if entry["worker"]}
        no_link = found["no link to ejabberd at tcp"]
        self.assertEqual(no_link["level"], "warn")
        self.assertEqual(no_link["fields"]["upstream"], NOBODY[1])
        self.assertRegex(no_link["time"], r"\A\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}\+00:00\Z")


class LevelTests(LogTestCase):
    async def test_what_is_below_it_is_not_written(self) -> None:
        ecm = self.start_with({}, *NOBODY, "--workers", "2", "--log-level", "warn")
        await ecm.printed("worker 1: no link to ejabberd")
        await ecm.printed("worker 2: no link to ejabberd")
        await ecm.stop()
        self.assertNotIn("#info]", ecm.output)


class FileTests(LogTestCase):
    async def test_a_file_of_twistd_has_the_text(self) -> None:
        file = temporary_folder(self) / "log"
        arguments = ("--listen", LOOPBACK, *NOBODY)
        ecm = start(self, *TWISTD, f"--logfile={file}", "ecm", *arguments)
        while not file.exists() or "no link to ejabberd" not in file.read_text():
            await deferLater(reactor, 0.01)
        await ecm.stop()
        self.assertRegex(file.read_text(), r"\n\S+ \[ecm\.service#info\] ECM ")
        self.assertIn("Server Shut Down", file.read_text())
        self.assertEqual(ecm.output, "")

    async def test_a_file_may_have_json(self) -> None:
        file = temporary_folder(self) / "log"
        arguments = ("--listen", LOOPBACK, *NOBODY, "--log-format", "json")
        ecm = start(self, *TWISTD, f"--logfile={file}", "ecm", *arguments)
        while not file.exists() or "no link to ejabberd" not in file.read_text():
            await deferLater(reactor, 0.01)
        await ecm.stop()
        for line in file.read_text().splitlines():
            json.loads(line)

    async def test_a_daemon_has_no_stdout(self) -> None:
        ecm = start(self, script("twistd"), "--logfile=-", "ecm", *NOBODY)
        self.assertEqual(await ecm.ended, 1)
        self.assertEqual(ecm.output.count("\n"), 1, ecm.output)
        self.assertIn("a daemon has no stdout for --logfile=-", ecm.output)

    async def test_a_format_or_a_level_that_is_none_is_one_line(self) -> None:
        ecm = start_ecm(self, "--log-format", "xml")
        self.assertEqual(await ecm.ended, 1)
        self.assertEqual(ecm.output.count("\n"), 1, ecm.output)
