"""The places where the elements of a stream end."""

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import TestCase

from ecm.tools.bosh.http import BadAnswer
from ecm.tools.stream.elements import MAX_ELEMENT, split, whole

HEADER = b"<?xml version='1.0'?><stream:stream to='a' xmlns:stream='b'>"
ELEMENTS = [
    HEADER,
    b"<stream:features><a b='>'/><c d=\"'\"></c></stream:features>",
    b"<message to='x'><body>a &gt; b</body></message>",
    b"<presence/>",
    b"<r xmlns='urn:xmpp:sm:3' />",
    b"</stream:stream>",
]


class ElementTests(TestCase):
    def test_each_is_found(self) -> None:
        self.assertEqual(split(b"".join(ELEMENTS)), ELEMENTS)
        self.assertEqual(whole(b"".join(ELEMENTS)), (b"".join(ELEMENTS), b""))

    @given(st.integers(0, len(b"".join(ELEMENTS))))
    def test_what_is_not_whole_waits(self, at: int) -> None:
        data = b"".join(ELEMENTS)
        first, rest = whole(data[:at])
        self.assertEqual(first + rest, data[:at])
        second, left = whole(rest + data[at:])
        self.assertEqual((split(first) + split(second), left), (ELEMENTS, b""))

    def test_a_value_that_is_not_whole_is_not_looked_into(self) -> None:
        self.assertEqual(whole(b"<a/><b c='<d/>"), (b"<a/>", b"<b c='<d/>"))

    def test_what_is_no_stream(self) -> None:
        self.assertRaises(BadAnswer, whole, b"</a>")
        self.assertRaises(BadAnswer, whole, b"<a>" + b"x" * MAX_ELEMENT)
