"""The CPU of processes that come and go."""

from twisted.trial.unittest import TestCase

from ecm.exposition.collector import CpuTotal
from ecm.operated import ProcessStatus


class CpuTotalTests(TestCase):
    def test_that_of_processes_that_have_gone_stays(self) -> None:
        total = CpuTotal()
        for processes, seconds in (
            ({}, 0),
            ({7: 1.0, 8: 2.0}, 3),
            ({7: 1.5, 8: 2.0}, 3.5),
            ({8: 3.0}, 4.5),
            ({8: 3.0, 9: 1.0}, 5.5),
            ({0: 0.0}, 5.5),
            ({}, 5.5),
        ):
            there = [ProcessStatus(1, pid, cpu=cpu) for pid, cpu in processes.items()]
            self.assertEqual(total.total(there), seconds)
