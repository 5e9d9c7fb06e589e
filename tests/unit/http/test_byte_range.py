"""The part of a file that is asked for: one range, or none."""

from hypothesis import given
from hypothesis.strategies import binary, from_regex, integers
from twisted.trial.unittest import TestCase

from ecm.http.byte_range import Unsatisfiable, part

SIZE = 100

PARTS = {
    b"bytes=0-0": (0, 1),
    b"bytes=0-": (0, 100),
    b"bytes=10-19": (10, 20),
    b"bytes=99-": (99, 100),
    b"bytes=90-1000": (90, 100),
    b"bytes=-1": (99, 100),
    b"bytes=-100": (0, 100),
    b"bytes=-1000": (0, 100),
    b"bytes=000-0001": (0, 2),
}
IGNORED = [
    *(b"", b"bytes", b"bytes=", b"bytes=-", b"bytes=a-b", b"bytes=1", b"bytes=5-4", b"lines=0-1"),
    *(
        b"bytes=0-1,3-4",
        b"bytes=0-,0-,0-",
        b"bytes=-1,",
        b"bytes=1-2-3",
        b"bytes=--1",
        b"bytes=+1-2",
    ),
    *(b"bytes= 0-1", b"bytes=0 - 1", b"bytes=1_0-20", b"bytes=0-" + b"9" * 5000, b"\xff"),
]


class PartTests(TestCase):
    def test_one_range(self) -> None:
        for asked, expected in PARTS.items():
            self.assertEqual(part([asked], SIZE), expected, asked)

    def test_everything_else_is_ignored(self) -> None:
        for asked in IGNORED:
            self.assertIsNone(part([asked], SIZE), asked)
        self.assertIsNone(part([], SIZE))
        self.assertIsNone(part([b"bytes=0-0", b"bytes=1-1"], SIZE))

    def test_what_the_file_has_not(self) -> None:
        for asked in (b"bytes=100-", b"bytes=100-200", b"bytes=-0", b"bytes=999999999999999999-"):
            self.assertRaises(Unsatisfiable, part, [asked], SIZE)
        self.assertIsNone(part([b"bytes=0-0"], 0))

    @given(from_regex(rb"bytes=[0-9]{0,3}-[0-9]{0,3}", fullmatch=True) | binary(), integers(0, 300))
    def test_a_part_lies_within_the_file(self, asked: bytes, size: int) -> None:
        try:
            begin, end = part([asked], size) or (0, 1)
        except Unsatisfiable:
            return
        self.assertTrue(0 <= begin < end <= max(size, 1), (begin, end))
