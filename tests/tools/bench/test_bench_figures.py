"""The first figures of docs/benchmarks.md, and their pictures, are those of the results."""

from PIL import Image
from twisted.trial.unittest import TestCase

from bench.report import chart, figures
from testkit.crossed import crossed


class FigureTests(TestCase):
    maxDiff = None

    def test_there_are_five(self) -> None:
        self.assertEqual(len(figures.FIGURES), 5)

    def test_pictures_are_up_to_date(self) -> None:
        for made in figures.FIGURES:
            one = made()
            with Image.open(figures.FOLDER / f"{one.name}.png") as picture:
                self.assertEqual(picture.info["Description"], one.told(), "run: make bench-readme")

    def test_nothing_crosses_a_label(self) -> None:
        for made in figures.FIGURES:
            self.assertEqual(list(crossed(made().picture())), [])

    def test_each_has_bars_of_ours(self) -> None:
        for made in figures.FIGURES:
            one = made()
            self.assertTrue(one.ours)
            self.assertLessEqual({*one.ours}, {name for name, _ in one.bars})

    def test_what_they_mean_is_more_than_others_have(self) -> None:
        for one in figures.meanings():
            if one.theirs != "–":
                theirs = float(one.theirs.rpartition(" ")[2].replace(",", ""))
                self.assertGreater(one.ours, theirs, one.what)

    def test_figures_as_people_read_them(self) -> None:
        for value, told in ((1234.5, "1,234"), (31.84, "31.8"), (0.192, "0.19")):
            self.assertEqual(chart.number(value), told)
