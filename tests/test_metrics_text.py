"""docs/metrics.md shows the metrics as they are: their names and kinds change only with it."""

from twisted.trial.unittest import TestCase

from testkit.made_text import renewed
from testkit.metrics_text import FILE, PARTS


class MetricsTextTests(TestCase):
    maxDiff = None

    def test_what_is_made_of_the_tables_is_up_to_date(self) -> None:
        text = FILE.read_text()
        self.assertEqual(text, renewed(text, PARTS), "run: make docs")
