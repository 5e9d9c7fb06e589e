"""The table of metrics."""

import re

import attrs
from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import TestCase

from ecm.metrics import EXCHANGE_BOUNDS, FIELDS, Histogram, Kind, Metrics

COUNTS = st.dictionaries(st.sampled_from("abc"), st.integers(1, 2**60))
VALUES = st.lists(st.floats(0, 1000))


def observed(values: list[float]) -> Histogram:
    histogram = Histogram()
    for value in values:
        histogram.observe(value, EXCHANGE_BOUNDS)
    return histogram


METRICS = st.builds(
    Metrics,
    requests=st.integers(0, 2**60),
    ended=COUNTS,
    link_ends=COUNTS,
    exchanges=VALUES.map(observed),
)


class MetricsTests(TestCase):
    def test_each_has_a_name_a_kind_and_a_help_as_prometheus_has_them(self) -> None:
        families = [field.metadata["family"] for field in FIELDS]
        self.assertEqual(len({each.name for each in families}), len(families))
        for family in families:
            self.assertTrue(re.fullmatch("ecm_[a-z_]+", family.name), family)
            self.assertIs(family.kind is Kind.COUNTER, family.name.endswith("_total"), family)
            self.assertTrue(family.help.endswith("."), family)
            for label in (*family.labels, *family.values):
                self.assertTrue(re.fullmatch("[a-z_]+", label), family)

    def test_they_are_one_line_in_the_log_of_what_has_been_counted(self) -> None:
        metrics = Metrics(requests=1_000_000, answers=2)
        metrics.ended["idle"] += 3
        metrics.ended["evicted"] += 1
        metrics.round_trips.observe(0.2, (0.1, 0.5))
        self.assertEqual(
            str(metrics),
            "requests=1000000 answers=2 round_trips=1 ended.evicted=1 ended.idle=3",
        )

    def test_what_is_counted_in_parts_is_put_together(self) -> None:
        metrics = Metrics(answers=10, posts=12)
        metrics.statuses["503"] += 3
        metrics.responses["503"] += 1
        metrics.responses["200"] += 1
        metrics.methods["post"] += 1
        folded = metrics.folded()
        self.assertEqual(folded.responses, {"200": 8, "503": 4})
        self.assertEqual(folded.methods, {"post": 13})
        self.assertEqual((folded.posts, folded.statuses), (0, {}))
        self.assertEqual(metrics.methods, {"post": 1})

    @given(st.lists(METRICS, max_size=5))
    def test_sums_are_those_of_all(self, all_of_them: list[Metrics]) -> None:
        total = Metrics()
        for metrics in all_of_them:
            total.add(metrics)
        self.assertEqual(total.requests, sum(each.requests for each in all_of_them))
        for key in "abc":
            self.assertEqual(total.ended[key], sum(each.ended.get(key, 0) for each in all_of_them))
        number = sum(sum(each.exchanges.counts) for each in all_of_them)
        self.assertEqual(sum(total.exchanges.counts), number)

    @given(METRICS)
    def test_a_sum_is_not_changed_with_its_parts(self, metrics: Metrics) -> None:
        total = Metrics()
        total.add(metrics)
        before = attrs.asdict(total)
        metrics.ended["a"] = metrics.ended.get("a", 0) + 1
        metrics.exchanges.observe(1, EXCHANGE_BOUNDS)
        self.assertEqual(attrs.asdict(total), before)

    def test_a_histogram_has_a_place_for_each_value(self) -> None:
        self.assertEqual(observed([0, 0.005, 0.006, 300, 301]).counts, [2, 1, *[0] * 12, 1, 1])
        self.assertEqual(observed([1, 2.5]).sum, 3.5)
