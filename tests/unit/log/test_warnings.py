"""The last warnings: few, counted, and bounded in bytes."""

from twisted.trial.unittest import TestCase

from ecm.limits import MAX_WARNING, MAX_WARNINGS
from ecm.log.warnings import Warned, Warnings


class WarningsTests(TestCase):
    def setUp(self) -> None:
        self.warnings = Warnings()

    def test_the_last_one_comes_first(self) -> None:
        self.warnings.add("warn", "one", 1.5)
        self.warnings.add("error", "two", 2.5)
        expected = [Warned("two", "error", 1, 2.5), Warned("one", "warn", 1, 1.5)]
        self.assertEqual(self.warnings.recent(), expected)

    def test_those_that_differ_in_numbers_are_one_with_the_last_text(self) -> None:
        self.warnings.add("warn", "link broken: 3 requests wait", 1)
        self.warnings.add("warn", "another", 2)
        self.warnings.add("warn", "link broken: 170 requests wait", 3)
        first, second = self.warnings.recent()
        self.assertEqual(first, Warned("link broken: 170 requests wait", "warn", 2, 3))
        self.assertEqual(second.text, "another")

    def test_few_are_kept(self) -> None:
        for number in range(10 * MAX_WARNINGS):
            self.warnings.add("warn", "x" * number, number)
        kept = [each.last for each in self.warnings.recent()]
        self.assertEqual(kept, [*range(10 * MAX_WARNINGS - 1, 9 * MAX_WARNINGS - 1, -1)])

    def test_texts_are_cut_to_bytes_and_between_characters(self) -> None:
        self.warnings.add("warn", "x" + "\N{SNOWMAN}" * MAX_WARNING, 1)
        (cut,) = self.warnings.recent()
        self.assertLessEqual(len(cut.text.encode()), MAX_WARNING)
        self.assertEqual(cut.text, "x" + "\N{SNOWMAN}" * ((MAX_WARNING - 1) // 3))

    def test_what_cannot_be_encoded_is_replaced(self) -> None:
        self.warnings.add("warn", "path \udcff", 1)
        self.assertEqual(self.warnings.recent()[0].text, "path ?")
