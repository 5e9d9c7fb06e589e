"""Looks at processes: which of them get no CPU."""

import os
from pathlib import Path

from twisted.trial.unittest import TestCase

from ecm.limits import STARVED_CPU
from ecm.workers.process import Process
from ecm.workers.starvation import Glance
from testkit.ecm_process import temporary_folder


class GlanceTests(TestCase):
    def look(self, info: bytes, stat: bytes) -> Glance:
        """Look at process 7, which the file descriptor 3 names."""
        proc: Path = temporary_folder(self)
        (proc / "self/fdinfo").mkdir(parents=True)
        (proc / "7").mkdir()
        (proc / "self/fdinfo/3").write_bytes(info)
        (proc / "7/stat").write_bytes(stat)
        return Glance.at(Process(7, 3), proc)

    def test_state_and_cpu_are_those_of_proc(self) -> None:
        ticks = os.sysconf("SC_CLK_TCK")
        numbers = b"1 1 1 0 -1 0 0 0 0 0 %d %d 0 0" % (2 * ticks, ticks)
        glance = self.look(b"pos:\t0\nPid:\t7\nNSpid:\t7\n", b"7 (a) R (b) S " + numbers)
        self.assertEqual(glance, Glance("S", 3.0))

    def test_of_a_process_that_has_gone_or_is_none_nothing_is_known(self) -> None:
        for info, stat in ((b"Pid:\t-1\n", b""), (b"pos:\t0\n", b""), (b"Pid:\t7\n", b"7 (a) R 1")):
            self.assertEqual(self.look(info, stat), Glance())

    def test_this_process_runs(self) -> None:
        process = Process.of(os.getpid())
        self.addCleanup(process.close)
        for each in (process, Process(os.getpid())):
            glance = Glance.at(each)
            self.assertEqual(glance.state, "R")
            self.assertGreater(glance.cpu, 0)

    def test_one_is_starved_that_wants_to_run_and_does_not(self) -> None:
        before = Glance("R", 5.0)
        self.assertTrue(Glance("R", 5.0).is_starved(before))
        self.assertFalse(Glance("R", 5.1 + STARVED_CPU).is_starved(before))
        self.assertFalse(Glance("T", 5.0).is_starved(before))
        self.assertFalse(Glance("", 0.0).is_starved(before))
        self.assertFalse(Glance("R", 5.0).is_starved(None))
