"""The Content-Type of answers: what a client asks for, where it is XML without scripts."""

from hypothesis import given
from hypothesis.strategies import characters, from_regex, sampled_from, text
from twisted.trial.unittest import TestCase

from ecm.frontend.bosh import answer
from ecm.http.content_type import USUAL, value
from ecm.http.response import INERT
from ecm.limits import MAX_CONTENT_TYPE

LONGEST = f"application/{'x' * (MAX_CONTENT_TYPE - 16)}+xml"

XML = [
    *("text/xml", "application/xml", "Text/XML", "application/xmpp+xml", "text/a.b-c+d+xml"),
    *("text/xml; charset=utf-8", "application/xml;charset=UTF-8", 'text/xml ; charset="utf-8"'),
    LONGEST,
]
OTHERS = ["text/html", "text/plain", "application/octet-stream", "text/html+xml;charset=utf-8"]
SCRIPTED = [
    *("application/xhtml+xml", "image/svg+xml", "application/mathml+xml", "application/xslt+xml"),
    *("application/vnd.mozilla.xul+xml", "application/vnd.wap.XHTML+xml", "application/svg+xml"),
    *("text/xsl", "application/mathml-presentation+xml", "multipart/x+xml", "model/x3d+xml"),
]
BREAKS = ["text/xml\r\nX: y", "text/xml\n", "text/xml; a=\0", "text/xml;\x7f", "\ufefftext/xml"]
MALFORMED = [
    "",
    "text",
    "xml",
    "text/",
    "/xml",
    "text /xml",
    "text/xml x",
    "text/ü+xml",
    " text/xml",
]
PARAMETERS = ["text/xml;", "text/xml; a=b", "text/xml; charset=utf-7", "text/xml; charset=utf-16"]


class ContentTypeTests(TestCase):
    def test_a_client_gets_what_it_asks_for_if_it_is_xml(self) -> None:
        for asked in XML:
            self.assertEqual(value(asked), asked.encode())

    def test_and_the_usual_one_if_it_is_anything_else(self) -> None:
        for asked in (None, *OTHERS, *SCRIPTED, *BREAKS, *MALFORMED, *PARAMETERS, LONGEST + "y"):
            self.assertEqual(value(asked), USUAL, asked)

    @given(text(characters(max_codepoint=0x2FF)) | from_regex(r"\w+/[\w+;= -]+", fullmatch=True))
    def test_nothing_else_gets_into_the_header(self, asked: str) -> None:
        self.assertRegex(value(asked), rb"(?i)\A(text|application)/[!-~]*xml[ -~]*\Z")

    @given(sampled_from(XML), sampled_from(XML))
    def test_two_are_none(self, one: str, other: str) -> None:
        self.assertEqual(value(f"{one}, {other}"), USUAL)

    def test_it_is_that_of_the_response(self) -> None:
        self.assertEqual(
            answer(200, b"ab", b"X: y\r\n", "application/xml"),
            b"HTTP/1.1 200 OK\r\n%bContent-Type: application/xml\r\n"
            b"X: y\r\nContent-Length: 2\r\n\r\nab" % INERT,
        )
        plain = b"HTTP/1.1 200 OK\r\n%bContent-Type: text/xml; charset=utf-8\r\n" % INERT
        self.assertTrue(answer(200, b"ab", b"").startswith(plain))
