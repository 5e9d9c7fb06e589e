"""docs/protocol.md shows the vectors and the tables as they are."""

from twisted.trial.unittest import TestCase

from testkit.made_text import renewed
from testkit.protocol_text import FILE, PARTS


class ProtocolTextTests(TestCase):
    maxDiff = None

    def test_what_is_made_of_vectors_and_tables_is_up_to_date(self) -> None:
        text = FILE.read_text()
        self.assertEqual(text, renewed(text, PARTS), "run: make docs")
