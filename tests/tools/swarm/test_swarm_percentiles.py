"""Percentiles of durations."""

from twisted.trial.unittest import TestCase

from ecm.tools.swarm.percentiles import Table, add, count, percentile


class PercentileTests(TestCase):
    def test_of_nothing(self) -> None:
        self.assertIsNone(percentile({}, 50))

    def test_at_most_5_percent_too_long(self) -> None:
        table: Table = {}
        for milliseconds in range(1, 1001):
            count(table, milliseconds / 1000)
        for percent, exact in ((50, 0.5), (90, 0.9), (99, 0.99), (100, 1.0)):
            found = percentile(table, percent)
            assert found is not None
            self.assertTrue(exact <= found <= exact * 1.0501, (percent, found))

    def test_the_table_does_not_grow(self) -> None:
        table: Table = {}
        for number in range(10_000):
            count(table, number * 0.01)
        self.assertLess(len(table), 350)

    def test_tables_are_added_up(self) -> None:
        one, both = {1: 1, 2: 1}, {2: 3, 4: 1}
        add(one, both)
        self.assertEqual(one, {1: 1, 2: 4, 4: 1})

    def test_no_time_at_all(self) -> None:
        table: Table = {}
        count(table, 0.0)
        self.assertEqual(percentile(table, 50), 1e-5)
