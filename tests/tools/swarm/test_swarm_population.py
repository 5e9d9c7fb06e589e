"""The moments at which the users of a process speak."""

from math import inf
from typing import Any

from twisted.trial.unittest import TestCase

from ecm.tools.bosh.session import Phase
from ecm.tools.swarm.attendance import Attendance
from ecm.tools.swarm.counters import Counters
from ecm.tools.swarm.delivery import Delivery
from ecm.tools.swarm.messages import Talk
from ecm.tools.swarm.population import Population
from testkit.samples.swarm_task import TASK


class Everyone:
    """A transport to whom everybody is online at once and free. ``spoke`` has when they did."""

    speaking = 0

    def __init__(self, case: "PauseTests") -> None:
        self.case = case
        self.spoke: list[float] = []

    def is_free(self, user: object) -> bool:
        return True

    def write(self, user: object, receiver: object) -> None:
        self.spoke.append(self.case.now)

    def repeat(self) -> None: ...

    def time_out(self) -> None: ...


class Online:
    phase = Phase.ONLINE


class PauseTests(TestCase):
    def setUp(self) -> None:
        self.now = 100.0
        attendance: Attendance[Any] = Attendance(TASK, Counters(), lambda: self.now)
        attendance.users[:] = [Online(), Online()]
        self.transport = Everyone(self)
        transport: Any = self.transport
        self.population = Population(TASK, transport, attendance, Delivery("run"))

    def test_messages_do_not_wait_for_each_other(self) -> None:
        self.population.talk(Talk(None, 1000.0, 0.0))
        for _ in range(50):
            self.now += self.population.go_on()
        spoke = self.transport.spoke
        self.assertEqual(len(spoke), 49)
        self.assertEqual(len(set(spoke)), 49)

    def test_whoever_waits_for_an_answer_waits_for_nothing_else(self) -> None:
        self.population.talk(Talk(None, 1000.0, 0.0))
        self.transport.speaking = TASK.at_once
        self.now += 0.01
        self.assertEqual(self.population.go_on(), inf)
        self.assertEqual(self.transport.spoke, [])
