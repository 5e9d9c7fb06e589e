"""Each benchmark can be chosen, and says what it measures. None is run."""

import contextlib
import io

from twisted.trial.unittest import TestCase

from bench.__main__ import all_cases, parser
from bench.report import report

CASES = {
    *("ejabberd", "end_to_end", "front_cpu", "logins", "low_load", "memory", "million", "profile"),
    *("scaling", "slow_clients", "slow_reader", "soak", "storm", "streams", "typed_link"),
    *("versions", "workers"),
}


class CaseTests(TestCase):
    def test_these_are_the_cases(self) -> None:
        self.assertEqual(set(all_cases()), CASES)

    def test_each_has_options_with_defaults_and_a_help(self) -> None:
        found = all_cases()
        for name, (case, description) in found.items():
            chosen = vars(parser(found).parse_args([name]))
            names = {option.name.replace("-", "_") for option in case.options}
            self.assertEqual(set(chosen), names | {"case"})
            printed = self.ends([name, "--help"], status=0)
            self.assertIn(description.splitlines()[0], printed)

    def test_a_case_that_there_is_not_is_refused(self) -> None:
        self.ends(["no_such_case"], status=2)

    def test_a_number_below_1_is_refused(self) -> None:
        self.ends(["front_cpu", "--rounds", "0"], status=2)

    def test_results_have_the_names_of_their_cases(self) -> None:
        for file in report.RESULTS.iterdir():
            self.assertIn(file.stem.partition("-")[0], {*CASES, "faults"})

    def ends(self, arguments: list[str], status: int) -> str:
        printed = io.StringIO()
        with (
            contextlib.redirect_stdout(printed),
            contextlib.redirect_stderr(io.StringIO()),
            self.assertRaises(SystemExit) as ended,
        ):
            parser(all_cases()).parse_args(arguments)
        self.assertEqual(ended.exception.code, status)
        return printed.getvalue()
