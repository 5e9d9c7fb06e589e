"""The growth model says what was measured, and ecm-doctor has its figures."""

import attrs
from twisted.trial.unittest import TestCase

from bench.report import growth
from ecm.tools.doctor import costs

NEAR = 0.05  # of all memory
NEAR_CPU = 0.08  # the goal is that of memory (docs/benchmarks.md)


class ModelTests(TestCase):
    maxDiff = None

    def test_the_figures_of_the_doctor_are_those_of_the_results(self) -> None:
        self.assertEqual(growth.FILE.read_text(), growth.text(), "run: make bench-readme")

    def test_memory_is_within_5_percent_of_each_result(self) -> None:
        found = list(growth.points())
        self.assertTrue({1_000, 1_000_000} <= {point.deployment.users for point in found})
        for point in found:
            error = growth.predicted(point) / growth.measured(point) - 1
            self.assertLessEqual(abs(error), NEAR, point)

    def test_cpu_is_near_each_result(self) -> None:
        for point in growth.polling():
            error = growth.predicted_cores(point) / growth.measured_cores(point) - 1
            self.assertLessEqual(abs(error), NEAR_CPU, point)

    def test_cpu_of_different_machines_is_not_mixed(self) -> None:
        first = growth.polling()[0]
        other = attrs.evolve(first, on=("another", "3.14", "ecm"))
        self.assertEqual(growth.of_one_ground([other, first, first]), [first, first])

    def test_costs_that_polls_were_made_of_are_found_again(self) -> None:
        made = costs.Polls(background=0.0004, user=5e-8, each=2e-5, waking=3e-4, together=0.005)
        loads = [
            (17.0, 11, 1_000),
            (170.0, 11, 10_000),
            (830.0, 11, 50_000),
            (3300.0, 11, 200_000),
            (1100.0, 55, 1_000_000),
            (30000.0, 1, 5_000),
        ]
        found = growth.fitted([(*load, made.cores(*load)) for load in loads])
        for load in loads:
            self.assertAlmostEqual(found.cores(*load) / made.cores(*load), 1, places=2)
