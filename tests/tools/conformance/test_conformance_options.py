"""The command line of the conformance suite."""

from contextlib import redirect_stdout
from io import StringIO

from twisted.trial.unittest import TestCase

from conformance.options import options


class HelpTests(TestCase):
    def test_it_says_how_the_suite_is_run_and_how_it_ends(self) -> None:
        with redirect_stdout(StringIO()) as said, self.assertRaises(SystemExit):
            options(["--help"])
        self.assertIn("usage: python -m conformance ", said.getvalue())
        self.assertIn("Exit status: 0 if ", said.getvalue())
