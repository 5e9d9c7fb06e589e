"""The table of metrics."""

import re

from twisted.trial.unittest import TestCase

from ecm.metrics import FIELDS, Kind, Metrics
from testkit.paths import CHECKOUT


class MetricsTests(TestCase):
    def test_each_has_a_name_a_kind_and_a_help_as_prometheus_has_them(self) -> None:
        names = [field.metadata["name"] for field in FIELDS]
        self.assertEqual(len(set(names)), len(names))
        for field in FIELDS:
            name, kind = field.metadata["name"], field.metadata["kind"]
            self.assertTrue(re.fullmatch("ecm_[a-z_]+", name), name)
            self.assertIs(kind is Kind.COUNTER, name.endswith("_total"), name)
            self.assertTrue(field.metadata["help"].endswith("."), name)

    def test_they_are_one_line_in_the_log(self) -> None:
        metrics = Metrics(requests=1_000_000, answers=2, round_trip=0.25)
        self.assertEqual(
            str(metrics),
            "requests=1000000 answers=2 orphaned=0 lost=0 broken=0 resent=0 failed=0"
            " redirected=0 streams=0 streams_lost=0 late=0 websockets=0 refused=0 faulty=0 tcp=0"
            " tcp_refused=0 tls_faults=0 vanished=0 malformed=0 round_trip=0.25",
        )

    def test_the_table_of_log_lines_says_what_each_is(self) -> None:
        lines = (CHECKOUT / "docs" / "operations.md").read_text().splitlines()
        (row,) = (line for line in lines if line.startswith("| `ECM stopped: "))
        for field in FIELDS:
            self.assertIn(f"`{field.name}`", row)
