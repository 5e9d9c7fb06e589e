"""Lines over the last hour: where they are, and what they say to who does not see them."""

from twisted.trial.unittest import TestCase

from ecm.page.chart import HEIGHT, WIDTH, Values, chart, peak
from ecm.page.words import count
from testkit.seen_page import SeenPage


def drawn(*lines: Values) -> SeenPage:
    return SeenPage(
        chart("Users", count, [(f"line {n}", values) for n, values in enumerate(lines)])
    )


def points(page: SeenPage, name: str = "line line-1") -> list[list[tuple[float, float]]]:
    """The points of the lines of a class."""
    found = [each["points"] or "" for each in page.named("polyline") if each["class"] == name]
    pairs = [[pair.split(",") for pair in each.split()] for each in found]
    return [[(float(x), float(y)) for x, y in each] for each in pairs]


class ChartTests(TestCase):
    def test_the_last_value_is_at_the_right_edge(self) -> None:
        [line] = points(drawn([1, 2, 4]))
        self.assertEqual([x for x, _ in line], [WIDTH - 2, WIDTH - 1, WIDTH])
        self.assertEqual([y for _, y in line], sorted((y for _, y in line), reverse=True))

    def test_all_is_within_the_drawing(self) -> None:
        [line] = points(drawn([0, 5e9, *range(358)]))
        self.assertTrue(all(0 <= x <= WIDTH and 0 <= y <= HEIGHT for x, y in line))
        self.assertEqual(line[0], (1, HEIGHT))

    def test_nothing_but_zero_is_a_line_at_the_bottom(self) -> None:
        [line] = points(drawn([0, 0]))
        self.assertEqual({y for _, y in line}, {HEIGHT})

    def test_what_is_not_known_is_a_gap(self) -> None:
        lines = points(drawn([1, 1, None, 1, 1]))
        self.assertEqual([len(each) for each in lines], [2, 2])

    def test_one_value_alone_is_seen(self) -> None:
        [line] = points(drawn([3]))
        self.assertEqual(len({x for x, _ in line}), 2)

    def test_two_lines_have_one_scale(self) -> None:
        page = drawn([1, 1], [2, 2])
        self.assertGreater(points(page)[0][0][1], points(page, "line line-2")[0][0][1])

    def test_it_is_told_in_words(self) -> None:
        page = drawn([3, 12_000, 7], [None])
        said = "Users, last hour: line 0 from 3 to 12,000, now 7; line 1 –"
        self.assertEqual(page.named("svg")[0]["aria-label"], said)
        self.assertEqual(page.text, said)

    def test_nothing_known_is_no_line(self) -> None:
        self.assertEqual(points(drawn([])), [])
        self.assertIsNone(peak([None]))
