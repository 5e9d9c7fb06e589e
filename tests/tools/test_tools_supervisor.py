"""Starting, watching and stopping processes: here small shell scripts."""

import os
import signal
from pathlib import Path
from tempfile import TemporaryDirectory

from twisted.trial.unittest import TestCase

from ecm.tools import supervisor
from ecm.tools.errors import ProcessFailed
from ecm.tools.process import Process
from ecm.tools.supervisor import Backoff, Supervisor

# No `touch`: a program of its own could outlive a shell that is killed.
_SLEEPER = "{ : >up; exec sleep 60; }"
_STUBBORN = "trap '' TERM; : >up; while :; do sleep 0.1; done"


class BackoffTest(TestCase):
    def test_first_restart_is_at_once_and_then_ever_later(self) -> None:
        backoff = Backoff()
        self.assertEqual([backoff.next_delay(0.1) for _ in range(5)], [0, 1, 2, 4, 8])

    def test_has_an_upper_bound(self) -> None:
        backoff = Backoff()
        self.assertEqual(max(backoff.next_delay(0.1) for _ in range(100)), 30)

    def test_forgets_after_a_long_run(self) -> None:
        backoff = Backoff()
        delays = [backoff.next_delay(ran) for ran in (1, 1, 1, 60, 1)]
        self.assertEqual(delays, [0, 1, 2, 0, 1])


class SupervisorTest(TestCase):
    def setUp(self) -> None:
        self.said: list[str] = []
        self.folder = Path(self.enterContext(TemporaryDirectory()))

    def child(self, script: str, name: str = "child") -> Process:
        """A script as a child; it is ready once it has made the file ``up``."""
        home = self.folder / name
        home.mkdir()
        child = Process(
            name=name,
            command=["sh", "-c", script],
            log=home / "log",
            cwd=home,
            environment=os.environ,
            ready=lambda _: (home / "up").exists(),
            stop_timeout=0.2,
        )
        self.addCleanup(child.stop)
        return child

    def supervisor(self, *children: Process) -> Supervisor:
        return Supervisor(children, self.said.append)

    def test_starts_in_order(self) -> None:
        first = self.child(_SLEEPER, "first")
        second = self.child("test -e ../first/up && " + _SLEEPER, "second")
        self.supervisor(first, second).start()
        self.assertTrue(first.is_ready() and second.is_ready())
        self.assertEqual(self.said, ["starting first", "starting second"])

    def test_child_that_ends_while_it_starts(self) -> None:
        child = self.child("echo said; exit 3")
        with self.assertRaisesRegex(ProcessFailed, "child exited with status 3.*log"):
            self.supervisor(child).start()
        self.assertEqual((self.folder / "child" / "log").read_text(), "said\n")

    def test_stop_ends_the_last_started_first(self) -> None:
        script = "trap 'echo {0} >>../order; exit' TERM; : >up; while :; do sleep 0.1; done"
        names = ("first", "second")
        supervised = self.supervisor(*(self.child(script.format(name), name) for name in names))
        supervised.start()
        supervised.stop()
        self.assertEqual((self.folder / "order").read_text(), "second\nfirst\n")

    def test_stop_kills_what_does_not_listen(self) -> None:
        child = self.child(_STUBBORN)
        supervised = self.supervisor(child)
        supervised.start()
        supervised.stop()
        self.assertEqual(child.ending(), "was killed by SIGKILL")

    def test_stop_before_the_start(self) -> None:
        self.supervisor(self.child(_SLEEPER)).stop()

    def test_what_ends_is_started_again(self) -> None:
        children = [self.child(_SLEEPER, name) for name in ("first", "second")]
        supervised = self.supervisor(*children)
        supervised.start()
        pids = [child.pid for child in children]
        os.kill(pids[0], signal.SIGKILL)
        self.assertIs(next(supervised.restarts()), children[0])
        self.assertNotEqual(children[0].pid, pids[0])
        self.assertEqual(children[1].pid, pids[1])
        self.assertEqual(self.said[2:], ["first was killed by SIGKILL: restarting it"])

    def test_what_ends_again_while_it_starts_is_started_once_more(self) -> None:
        self.patch(supervisor, "_MAX_DELAY", 0.01)
        child = self.child(f"test -e once && {_SLEEPER}; test -e never && touch once; touch never")
        child.start()
        self.assertIs(next(self.supervisor(child).restarts()), child)
        self.assertTrue(child.is_ready())
