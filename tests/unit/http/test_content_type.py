"""The Content-Type of answers: what a client asks for, where it is XML without scripts."""

from hypothesis import given
from hypothesis.strategies import characters, from_regex, sampled_from, text
from twisted.trial.unittest import TestCase

from ecm.frontend.bosh_response import answer
from ecm.http.content_type import DEFAULT, value
from ecm.http.response import INERT
from testkit.samples.content_types import (
    BREAKS,
    LONGEST,
    MALFORMED,
    OTHERS,
    PARAMETERS,
    SCRIPTED,
    XML,
)


class ContentTypeTests(TestCase):
    def test_a_client_gets_what_it_asks_for_if_it_is_xml(self) -> None:
        for asked in XML:
            self.assertEqual(value(asked), asked.encode())

    def test_and_the_usual_one_if_it_is_anything_else(self) -> None:
        for asked in (None, *OTHERS, *SCRIPTED, *BREAKS, *MALFORMED, *PARAMETERS, LONGEST + "y"):
            self.assertEqual(value(asked), DEFAULT, asked)

    @given(text(characters(max_codepoint=0x2FF)) | from_regex(r"\w+/[\w+;= -]+", fullmatch=True))
    def test_nothing_else_gets_into_the_header(self, asked: str) -> None:
        self.assertRegex(value(asked), rb"(?i)\A(text|application)/[!-~]*xml[ -~]*\Z")

    @given(sampled_from(XML), sampled_from(XML))
    def test_two_are_none(self, one: str, other: str) -> None:
        self.assertEqual(value(f"{one}, {other}"), DEFAULT)

    def test_it_is_that_of_the_response(self) -> None:
        self.assertEqual(
            answer(200, b"ab", b"X: y\r\n", "application/xml"),
            b"HTTP/1.1 200 OK\r\n%bContent-Type: application/xml\r\n"
            b"X: y\r\nContent-Length: 2\r\n\r\nab" % INERT,
        )
        plain = b"HTTP/1.1 200 OK\r\n%bContent-Type: text/xml; charset=utf-8\r\n" % INERT
        self.assertTrue(answer(200, b"ab", b"").startswith(plain))
