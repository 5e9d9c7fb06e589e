"""The alerts and the dashboard ask for metrics that there are."""

import json
import re

from twisted.trial.unittest import TestCase

from ecm.exposition.families import FAMILIES
from ecm.metrics import Kind
from testkit.monitoring import BOARD, RULE_TESTS, RULES, queries_of_the_board, used

# Labels that Prometheus, or a histogram, or --metrics-per-worker adds.
OTHERS = {"job", "instance", "worker", "le"}
BY = re.compile(r"\b(?:by|without) \(([a-z_, ]+)\)")


def names() -> dict[str, set[str]]:
    """The labels of each name that is told."""
    found: dict[str, set[str]] = {}
    for family in FAMILIES:
        endings = ("_bucket", "_count", "_sum") if family.kind is Kind.HISTOGRAM else ("",)
        found |= {family.name + ending: {*family.labels} | OTHERS for ending in endings}
    return found


class MonitoringTests(TestCase):
    def assert_told(self, text: str) -> None:
        there = names()
        values = {family.name: family.values for family in FAMILIES}
        for each in used(text):
            self.assertIn(each.name, there, text)
            for label, value in each.labels:
                self.assertIn(label, there[each.name], text)
                known = values.get(each.name, ())
                if known and label not in OTHERS:
                    self.assertIn(value, known, text)

    def test_alerts_ask_for_metrics_that_there_are(self) -> None:
        expressions = re.findall(r"expr: (?:\|\n)?((?:.+\n?)+?)(?=        \w+:)", RULES.read_text())
        self.assertEqual(len(expressions), RULES.read_text().count("- alert: "))
        for expression in expressions:
            self.assertTrue([*used(expression)], expression)
            self.assert_told(expression)

    def test_each_alert_is_tested(self) -> None:
        alerts = re.findall(r"- alert: (\w+)", RULES.read_text())
        self.assertGreater(len(alerts), 7)
        for alert in alerts:
            self.assertIn(f"alertname: {alert}}}", RULE_TESTS.read_text())
            self.assertIn(f'{{alertname="{alert}"}}', RULE_TESTS.read_text())

    def test_tests_of_alerts_have_metrics_that_there_are(self) -> None:
        for line in RULE_TESTS.read_text().splitlines():
            if "series: '" in line:
                self.assert_told(line)

    def test_the_dashboard_asks_for_metrics_that_there_are(self) -> None:
        queries = queries_of_the_board()
        self.assertGreater(len(queries), 30)
        there = names()
        for query in queries:
            self.assert_told(query)
            labels = {label.strip() for by in BY.findall(query) for label in by.split(",")}
            known = {label for each in used(query) for label in there[each.name]}
            self.assertLessEqual(labels, known, query)

    def test_panels_do_not_overlap(self) -> None:
        places: set[tuple[int, int]] = set()
        for panel in json.loads(BOARD.read_text())["panels"]:
            at = panel["gridPos"]
            for x in range(at["x"], at["x"] + at["w"]):
                for y in range(at["y"], at["y"] + at["h"]):
                    self.assertNotIn((x, y), places, panel["title"])
                    self.assertLess(x, 24)
                    places.add((x, y))
