"""A system clock that is set for one program."""

import subprocess
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from unittest import SkipTest

from twisted.trial.unittest import SynchronousTestCase

from bench.faults.clock import Clock
from ecm.tools.errors import ToolError

HOUR = 3600


class ClockTests(SynchronousTestCase):
    def setUp(self) -> None:
        try:
            self.clock = Clock(Path(self.enterContext(TemporaryDirectory())))
        except ToolError as missing:
            raise SkipTest(str(missing)) from None

    def seconds(self) -> int:
        """Return how far a program's clock is from the real time."""
        told = subprocess.check_output(["date", "+%s"], env=self.clock.environment)
        return int(told) - int(time.time())

    def test_it_is_right_at_first(self) -> None:
        self.assertAlmostEqual(self.seconds(), 0, delta=60)

    def test_it_can_be_set_forward_and_back(self) -> None:
        for hours in (1, -1):
            self.clock.step(hours * HOUR)
            self.assertAlmostEqual(self.seconds(), hours * HOUR, delta=60)
