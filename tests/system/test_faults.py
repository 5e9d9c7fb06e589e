"""Short faults of the lab (make faults), with few users: nobody notices anything, or hardly so.

The silence is left to the lab: here, other tests run beside.
"""

from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import attrs
from twisted.trial.unittest import SynchronousTestCase

from bench import node
from bench.faults.catalogue import faults
from bench.faults.lab import Size, run
from testkit.lasting import LASTING

SIZE = Size(users=24, rate=20, warm_up=1, recovery=2, patience=30, scale=0.2)


@cache
def code() -> list[Path]:
    """Compile what runs in ejabberd, once."""
    return node.compiled(Path(LASTING.enter_context(TemporaryDirectory())), None)


class FaultsTests(SynchronousTestCase):
    def tries(self, name: str) -> None:
        """The goal of a fault is met, but for the silence."""
        fault = next(fault for fault in faults(SIZE) if fault.name == name)
        goal = attrs.evolve(fault.goal, p99=None, longest=None, beyond=None)
        result = run(fault, SIZE, code())
        self.assertEqual(goal.missed(result), [], result)
        self.assertGreater(result["messages"], SIZE.rate)

    def test_a_reset_of_the_link_is_not_noticed(self) -> None:
        self.tries("link-rst")

    def test_a_silence_of_the_link_is_not_noticed(self) -> None:
        self.tries("link-silent-5")

    def test_a_reload_is_not_noticed(self) -> None:
        self.tries("reload")

    def test_a_worker_that_is_killed_loses_nothing(self) -> None:
        self.tries("worker-kill")
