"""A child process."""

import os
import select
import signal
import socket
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from twisted.trial.unittest import TestCase

from ecm.tools.errors import ProcessFailed
from ecm.tools.ports import free_port
from ecm.tools.process import Process

_ECHO = 'while read -r line; do echo "$line" >&2; echo "$line"; done; exit 3'
_SERVER = "import socket, time; s = socket.create_server(('127.0.0.1', {})); time.sleep(60)"


class ProcessTests(TestCase):
    def setUp(self) -> None:
        self.log = Path(self.enterContext(TemporaryDirectory())) / "log"

    def test_runs_in_its_block(self) -> None:
        with Process("sleep", ["sleep", "60"]) as process:
            self.assertIsNone(process.ending())
            self.assertTrue(process.is_ready())
        self.assertEqual(process.ending(), "was killed by SIGTERM")

    def test_has_a_session_of_its_own(self) -> None:
        with Process("sleep", ["sleep", "60"]) as process:
            self.assertEqual(os.getsid(process.pid), process.pid)

    def test_pipes_carry_lines_and_errors_go_to_the_log(self) -> None:
        with Process("echo", ["sh", "-c", _ECHO], log=self.log, pipes=True) as process:
            stdin, stdout = process.running.stdin, process.running.stdout
            assert stdin is not None and stdout is not None
            print("line", file=stdin, flush=True)
            self.assertEqual(stdout.readline(), "line\n")
            self.assertEqual(self.log.read_text(), "line\n")

    def test_output_is_appended_to_the_log(self) -> None:
        process = Process("echo", ["echo", "said"], log=self.log)
        for _ in range(2):
            process.start()
            process.running.wait()
        self.assertEqual(self.log.read_text(), "said\nsaid\n")

    def test_waits_until_it_listens(self) -> None:
        port = free_port()
        with Process("server", [sys.executable, "-c", _SERVER.format(port)]) as process:
            process.wait_until_listening(port)
            socket.create_connection(("127.0.0.1", port)).close()

    def test_exit_before_it_is_ready(self) -> None:
        with (
            Process("sh", ["sh", "-c", "exit 3"], log=self.log, ready=lambda _: False) as process,
            self.assertRaisesRegex(ProcessFailed, f"sh exited with status 3: see {self.log}"),
        ):
            process.wait_until_ready()

    def test_not_ready_in_time(self) -> None:
        with (
            Process("sleep", ["sleep", "60"]) as process,
            self.assertRaisesRegex(ProcessFailed, r"sleep does not answer\Z"),
        ):
            process.wait_until(lambda: False, timeout=0.1)

    def test_dies_with_its_parent(self) -> None:
        # It is under way, and tied to its parent, once it says who it is.
        program = (
            "from ecm.tools.process import Process; import time; "
            "Process('sleep', ['sh', '-c', 'echo $$; exec sleep 60']).start(); time.sleep(60)"
        )
        command = [sys.executable, "-c", program]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as parent:
            assert parent.stdout is not None
            child = os.pidfd_open(int(parent.stdout.readline()))
            self.addCleanup(os.close, child)
            parent.send_signal(signal.SIGKILL)
        self.assertTrue(select.select([child], [], [], 10)[0])
