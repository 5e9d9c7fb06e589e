"""docs/configuration.md shows the options as they are."""

from twisted.trial.unittest import TestCase

from testkit.configuration_text import FILE, PARTS, reasons
from testkit.made_text import renewed


class ConfigurationTextTests(TestCase):
    maxDiff = None

    def test_what_is_made_of_settings_and_limits_is_up_to_date(self) -> None:
        text = FILE.read_text()
        self.assertEqual(text, renewed(text, PARTS), "run: make docs")

    def test_each_limit_among_the_options_has_its_reason(self) -> None:
        self.assertEqual(len(list(reasons())), 20)
