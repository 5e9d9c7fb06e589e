"""Processes that are killed: by a file descriptor, or by their ID while they are known to live."""

import os
import signal
import subprocess
import sys

from twisted.trial.unittest import TestCase

from ecm.workers.process import Process


class ProcessTests(TestCase):
    def setUp(self) -> None:
        sleep = [sys.executable, "-c", "import time; time.sleep(3600)"]
        self.child = subprocess.Popen(sleep)
        self.addCleanup(self.child.wait)
        self.addCleanup(self.child.kill)

    def test_it_is_killed_by_its_file_descriptor(self) -> None:
        process = Process.of(self.child.pid)
        self.addCleanup(process.close)
        self.assertIsNotNone(process.file)
        process.kill(lives=False)
        self.assertEqual(self.child.wait(), -signal.SIGKILL)
        process.kill(lives=False)

    def test_without_one_it_is_killed_by_its_id_if_it_lives(self) -> None:
        process = Process(self.child.pid)
        process.kill(lives=False)
        self.assertIsNone(self.child.poll())
        process.kill(lives=True)
        self.assertEqual(self.child.wait(), -signal.SIGKILL)
        process.close()

    def test_a_kernel_may_have_none(self) -> None:
        def none(pid: int) -> int:
            raise OSError(38, "Function not implemented")

        self.patch(os, "pidfd_open", none)
        self.assertEqual(Process.of(self.child.pid), Process(self.child.pid))

    def test_an_id_names_one_process(self) -> None:
        for other in (0, -1, -7):
            self.assertRaises(ValueError, Process, other)
