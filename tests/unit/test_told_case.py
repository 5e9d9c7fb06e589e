"""A test that hangs tells where."""

from contextlib import redirect_stderr
from io import StringIO

from twisted.internet.defer import Deferred, ensureDeferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from testkit import told_case


class ToldTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.patch(told_case, "reactor", self.clock)
        comes: Deferred[None] = Deferred()

        class Waiting(told_case.TestCase):
            timeout = 60

            async def test_it(self) -> None:
                await self.something()

            async def something(self) -> None:
                await comes

        self.comes, self.test = comes, ensureDeferred(Waiting("test_it").test_it())

    def told(self, seconds: float) -> list[str]:
        """Return where the test says that it waits, when so many seconds more have passed."""
        output = StringIO()
        with redirect_stderr(output):
            self.clock.advance(seconds)
        return [line.rpartition(".")[2] for line in output.getvalue().splitlines()[1:]]

    def test_each_place_is_told_a_second_before_the_end(self) -> None:
        self.assertEqual(self.told(58.9), [])
        self.assertEqual(self.told(0.2), ["test_it", "something"])
        self.comes.callback(None)
        self.successResultOf(self.test)

    def test_nothing_is_told_of_a_test_that_is_over(self) -> None:
        self.comes.callback(None)
        self.successResultOf(self.test)
        self.assertEqual(self.clock.getDelayedCalls(), [])
