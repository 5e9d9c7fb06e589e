"""README.md quotes what was measured last."""

from twisted.trial.unittest import TestCase

from bench.report.readme import FILE, renewed


class ReadmeTests(TestCase):
    maxDiff = None

    def test_the_table_is_up_to_date(self) -> None:
        text = FILE.read_text()
        self.assertEqual(text, renewed(text), "run: make bench-readme")
