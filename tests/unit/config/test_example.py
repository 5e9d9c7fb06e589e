"""The file of options that is shipped."""

import re

from twisted.trial.unittest import TestCase

from ecm.config import config_file
from ecm.config.command_line import OPTIONS
from testkit.paths import CHECKOUT

EXAMPLE = CHECKOUT / "deploy" / "ecm.toml"


class ExampleTests(TestCase):
    def test_it_can_be_read(self) -> None:
        found = config_file.read(str(EXAMPLE), OPTIONS)
        self.assertLessEqual({"listen", "upstream", "workers"}, found.keys())

    def test_what_is_a_comment_in_it_has_the_name_of_an_option(self) -> None:
        names = re.findall(r"(?m)^# ([a-z-]+) = ", EXAMPLE.read_text())
        self.assertTrue(names)
        self.assertLessEqual({*names}, OPTIONS.keys())
