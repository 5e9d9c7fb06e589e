"""Typed contents, against the vectors that the Erlang codec reads, too."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import TestCase

from ecm.limits import MAX_LINE, MAX_PACKET, REQUEST_OVERHEAD
from ecm.link import packet
from ecm.link.message import (
    ANSWER_200,
    ContentError,
    Message,
    UnknownType,
    decode,
    encode,
    full,
    request_line,
    truncated,
)
from ecm.link.packet import MAX_ID
from testkit.typed_vectors import VECTORS, content

VALUES = st.text(st.characters(codec="utf-8"), max_size=30)
KEYS = st.text("abcdefghijklmnopqrstuvwxyz0123456789-", min_size=1, max_size=8)


def meaning(vector: dict[str, Any]) -> Message:
    body = bytes(vector["body"], "latin-1") if "body" in vector else None
    return Message(vector["type"], tuple(vector["words"]), vector["fields"], body)


class VectorTests(TestCase):
    def test_contents_are_read_as_agreed(self) -> None:
        for vector in VECTORS["contents"]:
            self.assertEqual(decode(content(vector)), meaning(vector), vector["name"])

    def test_contents_are_written_as_agreed(self) -> None:
        for vector in VECTORS["contents"]:
            line = meaning(vector)
            written = encode(line.type, line.args, line.fields, line.body or b"")
            if "only_read" not in vector:
                self.assertEqual(written, content(vector), vector["name"])
            self.assertEqual(decode(written), line, vector["name"])

    def test_faults_are_named_as_agreed(self) -> None:
        for vector in VECTORS["errors"]:
            error = self.assertRaises(ContentError, decode, content(vector))
            self.assertEqual(error.name, vector["fault"], vector["name"])

    def test_a_type_of_another_version_is_no_fault(self) -> None:
        for unknown in (b"frobnicate", b"opened websocket\n", b"-"):
            self.assertRaises(UnknownType, decode, unknown)

    def test_nothing_that_is_cut_short_is_taken_for_the_whole_but_where_it_is_one(self) -> None:
        whole = content(VECTORS["contents"][0])
        for end in range(len(whole) - len(" features=")):
            self.assertRaises((ContentError, UnknownType), decode, whole[:end])


class PropertyTests(TestCase):
    @given(st.binary(max_size=100))
    def test_any_bytes_are_a_line_or_have_a_fault(self, data: bytes) -> None:
        for begin in (b"", b"hello ", b"answer 200", b"request ", b"error a "):
            try:
                line = decode(begin + data)
            except (ContentError, UnknownType):
                continue
            again = encode(line.type, line.args, line.fields, line.body or b"")
            self.assertEqual(decode(again), line)

    @given(st.dictionaries(KEYS, VALUES, max_size=5), st.binary(max_size=50))
    def test_any_value_crosses_as_it_is(self, fields: dict[str, str], body: bytes) -> None:
        fields = {"x" + key: value for key, value in fields.items()}
        written = encode("answer", ["200"], fields, body)
        if written.index(b"\n") <= MAX_LINE:
            self.assertEqual(decode(written), Message("answer", ("200",), fields, body))


class RequestTests(TestCase):
    def test_requests_are_written_as_agreed(self) -> None:
        lines = {
            "request": request_line("192.0.2.7", 51234, secure=True),
            "request over IPv6, without TLS": request_line("2001:db8::7", 51234, secure=False),
            "request of a client whose address is not known": request_line("", 0, secure=False),
        }
        for vector in VECTORS["contents"]:
            if vector["name"] in lines:
                line = lines.pop(vector["name"])
                body = bytes(vector["body"], "latin-1")
                self.assertEqual(line + body, content(vector), vector["name"])
        self.assertEqual(lines, {})

    def test_one_that_is_truncated_says_so(self) -> None:
        [vector] = [each for each in VECTORS["contents"] if "only the first bytes" in each["name"]]
        line = truncated(request_line("192.0.2.7", 51234, secure=True))
        self.assertEqual(line + bytes(vector["body"], "latin-1"), content(vector))
        self.assertEqual(truncated(line), line)

    def test_one_that_must_not_begin_a_session_says_so(self) -> None:
        [vector] = [each for each in VECTORS["contents"] if "must not begin" in each["name"]]
        line = full(request_line("192.0.2.7", 51234, secure=True))
        self.assertEqual(line + bytes(vector["body"], "latin-1"), content(vector))

    def test_the_zone_of_an_address_stays_here(self) -> None:
        line = request_line("fe80::1%eth0", 7, secure=False)
        self.assertEqual(line, b"request peer=[fe80::1]:7 secure=0\n")

    def test_the_longest_line_fits_beside_the_longest_body(self) -> None:
        longest = request_line("2001:0db8:0000:0000:0000:0000:0000:0007", 65535, secure=True)
        body = bytes(MAX_PACKET - REQUEST_OVERHEAD)
        whole = packet.encode(MAX_ID, truncated(full(longest)) + body)
        self.assertLessEqual(len(whole), MAX_PACKET)

    def test_the_short_way_to_read_an_answer_begins_as_answers_do(self) -> None:
        self.assertEqual(encode("answer", ["200"], {}, b"<body/>"), ANSWER_200 + b"<body/>")
