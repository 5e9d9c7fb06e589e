"""The verdict of the case of logins on its rounds."""

from unittest import TestCase

import attrs

from bench.cases.logins import Measured, of_kind
from bench.load.login_load import Logins
from bench.servers import MEGAPHONE, STOCK

KIND = "WebSocket, PLAIN"
OURS = Logins(
    count=100,
    per_second=2000.0,
    cpu={"ECM": 200.0, "ejabberd": 300.0},
    swarm=100.0,
    busy=100.0,
    crowd=20.0,
    p50=20.0,
    p99=40.0,
    troubles={},
)
THEIRS = attrs.evolve(OURS, per_second=1000.0, cpu={"ejabberd": 1000.0})
HELD_UP = attrs.evolve(THEIRS, per_second=50.0, troubles={"closed": 1})


def rows(*theirs: Logins) -> list[Measured]:
    return [
        Measured(number, KIND, name, logins)
        for number, other in enumerate(theirs, 1)
        for name, logins in ((MEGAPHONE, OURS), (STOCK, other))
    ]


class LoginsTests(TestCase):
    def test_ratios_are_medians_of_rounds(self) -> None:
        twice = attrs.evolve(THEIRS, per_second=500.0)
        found = of_kind(KIND, rows(THEIRS, twice, THEIRS))
        self.assertIn("2.00 × the logins a second", found)
        self.assertIn("(median; rounds: 3; 2.00 to 4.00), each for 0.50 × the CPU", found)
        self.assertIn("The goal of 2 × is reached", found)

    def test_a_round_with_an_error_does_not_count(self) -> None:
        """A single user who comes again half a minute later would be the time of all logins."""
        found = of_kind(KIND, rows(HELD_UP, THEIRS))
        self.assertIn("2.00 × the logins a second", found)
        self.assertIn("2.00 to 2.00; without 1 in which there was an error)", found)

    def test_if_all_have_one_they_count(self) -> None:
        self.assertIn("(median; rounds: 1; 40.00 to 40.00)", of_kind(KIND, rows(HELD_UP)))
