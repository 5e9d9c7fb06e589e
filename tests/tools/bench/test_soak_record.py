"""The file of a soak, and what is judged of it."""

from argparse import Namespace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from unittest import mock

from twisted.trial.unittest import TestCase

from bench.cases import soak
from bench.cases.soak import hours, text, verdict
from bench.frame import Run
from bench.report import report
from bench.soak import record
from bench.soak.record import Figures, by_generation, by_piece, pieces
from bench.soak.series import SERIES, judged

HOUR = 3600.0
COUNTED = ("logins", "left", "vanished", "sessions lost", "sent", "arrived", "lost", "twice")


def figures(settled: float, generation: int = 1, since: float | None = None, **more: Any) -> Any:
    """Return a sample in which everything is 1,000."""
    return {
        "settled": settled,
        "generation": generation,
        "former": 0,
        "since": settled if since is None else since,
        "online": 1000,
        "errors": {},
        **dict.fromkeys((*COUNTED, "late", "astray", "doubtful"), 0),
        **{series.name: 1000e6 for series in SERIES},
        **more,
    }


def written(number: int, planned: float, samples: list[Figures]) -> str:
    """Return what a piece writes."""
    lines = [record.head(number, 1000, planned, {"date": "today"})]
    return "".join([*lines, *(record.sample(number, each) for each in samples)])


def minutes(count: int) -> list[Figures]:
    return [figures(60.0 * minute) for minute in range(count)]


class FileTests(TestCase):
    def test_pieces_are_read_as_they_were_written(self) -> None:
        first, second = minutes(3), minutes(2)
        one, two = pieces(written(1, HOUR, first) + written(2, 60, second))
        self.assertEqual((one.number, one.users, one.planned), (1, 1000, HOUR))
        self.assertEqual((one.samples, two.samples), (first, second))
        self.assertEqual(one.about, {"date": "today"})

    def test_the_next_piece_has_the_next_number(self) -> None:
        self.assertEqual(record.next_number([]), 1)
        found = pieces(written(1, HOUR, []) + written(4, HOUR, minutes(2)))
        self.assertEqual(record.next_number(found), 5)

    def test_a_line_that_was_cut_off_by_force_is_left_out(self) -> None:
        """The head of the next piece begins a line, so that it is not lost with it."""
        whole = written(1, HOUR, minutes(3))
        cut = whole[:-20]
        self.assertEqual(len(pieces(cut)[0].samples), 2)
        one, two = pieces(cut + record.resumed(cut) + written(2, HOUR, minutes(2)))
        self.assertEqual((len(one.samples), len(two.samples)), (2, 2))
        self.assertEqual((record.resumed(""), record.resumed(whole)), ("", ""))


class WarmUpTests(TestCase):
    def test_it_is_an_hour_or_an_eighth(self) -> None:
        self.assertEqual(record.warm_up(8 * HOUR), HOUR)
        self.assertEqual(record.warm_up(24 * HOUR), HOUR)
        self.assertEqual(record.warm_up(HOUR), HOUR / 8)

    def test_each_piece_has_its_own(self) -> None:
        found = pieces(written(1, 8 * HOUR, minutes(100)) + written(2, HOUR, minutes(61)))
        self.assertEqual([len(one.judged) for one in found], [40, 53])
        first, second = by_piece(found, lambda each: each["online"])
        self.assertEqual((first[0], len(second)), ((HOUR, 1000), 53))
        self.assertAlmostEqual(hours(found), 39 / 60 + 52.5 / 60)

    def test_a_generation_has_one_and_nothing_counts_beside_the_former_one(self) -> None:
        samples = [
            *(figures(60.0 * at) for at in range(40)),
            *(figures(60.0 * at, 2, 60.0 * (at - 40), former=at < 44) for at in range(40, 60)),
        ]
        found = pieces(written(1, HOUR, samples))
        first, second = by_generation(found, lambda each: each["online"])
        self.assertEqual((first[0][0], first[-1][0]), (8 * 60, 39 * 60))
        self.assertEqual((second[0][0], second[-1][0]), (44 * 60, 59 * 60))
        self.assertEqual(len(by_piece(found, lambda each: each["online"])[0]), 52)


class VerdictTests(TestCase):
    def told(self, samples: list[Figures]) -> str:
        found = pieces(written(1, HOUR, samples))
        self.assertIn(SERIES[0].label, text(found))
        return verdict(found)

    def test_everything_is_flat(self) -> None:
        told = self.told(minutes(61))
        self.assertTrue(told.startswith("Every series is flat within 2%"), told)

    def test_what_grows_is_named(self) -> None:
        samples = [figures(60.0 * at, atoms=30_000 + 20 * at) for at in range(61)]
        told = self.told(samples)
        self.assertIn("NOT flat within 2%: atoms by 3.4%.", told)

    def test_what_users_have_counts_by_user(self) -> None:
        """Twice as many users have twice as many files."""
        samples = [
            figures(60.0 * at, **{"online": 1000 + 10 * at, "files of ECM": 2000 + 20 * at})
            for at in range(61)
        ]
        grown = {series.name for series, found in judged_of(samples) if found and found.grows}
        self.assertEqual(grown, set())

    def test_few_samples_tell_nothing(self) -> None:
        self.assertTrue(self.told(minutes(2)).startswith("It was too short to tell."))

    def test_messages_that_were_lost_or_came_twice_are_told(self) -> None:
        told = self.told([*minutes(60), figures(HOUR, lost=3, twice=2)])
        self.assertTrue(
            told.endswith("3 messages between users who stayed were lost, 2 came twice.")
        )


class InterruptTests(TestCase):
    def test_a_signal_ends_a_piece_and_what_there_is_is_judged(self) -> None:
        folder = Path(self.enterContext(TemporaryDirectory()))

        def piece(run: Run, file: Path) -> None:
            file.write_text(written(1, HOUR, minutes(61)))
            raise SystemExit(130)

        self.enterContext(mock.patch.object(report, "RESULTS", folder))
        self.enterContext(mock.patch.object(soak, "piece", piece))
        options = Namespace(users=1000, hours=1.0)
        outcome = soak.show(soak.measure(Run(options, folder, {})))
        self.assertTrue(outcome.good)
        self.assertIn("flat within 2%", outcome.verdict)
        self.assertEqual(soak.CASE.suffix(options), "-1000")


def judged_of(samples: list[Figures]) -> Any:
    return judged(pieces(written(1, HOUR, samples)))
