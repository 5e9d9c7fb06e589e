"""Numbers, sizes and times as people read them."""

from twisted.trial.unittest import TestCase

from ecm.page import words


def spaced(text: str) -> str:
    return text.replace("\u00a0", " ")


class WordsTests(TestCase):
    def test_numbers(self) -> None:
        self.assertEqual(words.count(1_234_567), "1,234,567")
        self.assertEqual(
            [words.rate(each) for each in (None, 0, 0.25, 9.94, 10.6)],
            ["–", "0", "0.2", "9.9", "11"],
        )
        self.assertEqual(
            [words.plural(each, "link") for each in (0, 1, 2)], ["0 links", "1 link", "2 links"]
        )

    def test_sizes(self) -> None:
        sizes = (0, 999, 1_000, 51_200, 98_400_000, 5e12, 5e16)
        said = ["0 B", "999 B", "1.0 kB", "51 kB", "98 MB", "5.0 TB", "50000 TB"]
        self.assertEqual([spaced(words.size(each)) for each in sizes], said)

    def test_short_times(self) -> None:
        times = (None, 0.00042, 0.042, 0.42, 4.2)
        said = ["–", "0.4 ms", "42.0 ms", "420 ms", "4.2 s"]
        self.assertEqual([spaced(words.seconds(each)) for each in times], said)

    def test_spans(self) -> None:
        spans = (-1, 0, 59.9, 60, 125, 3_600, 3_601, 90_061, 86_460)
        said = ["0 s", "0 s", "59 s", "1 min", "2 min 5 s", "1 h", "1 h", "1 d 1 h", "1 d"]
        self.assertEqual([spaced(words.span(each)) for each in spans], said)
