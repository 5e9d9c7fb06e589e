"""The Content-Type of answers: what a client asks for, where that can be one."""

from twisted.trial.unittest import TestCase

from ecm.bosh import answer
from ecm.content_type import USUAL, value
from ecm.limits import MAX_CONTENT_TYPE

LONGEST = "text/html; x=" + "y" * (MAX_CONTENT_TYPE - 13)


class ContentTypeTests(TestCase):
    def test_a_client_gets_what_it_asks_for(self) -> None:
        for asked in ("text/html", "text/html; charset=utf-8", 'a/b ; c="d e"', "a/b;", LONGEST):
            self.assertEqual(value(asked), asked.encode())

    def test_and_the_usual_one_where_it_asks_for_nothing_sane(self) -> None:
        breaks = ("text/html\r\nX: y", "text/html\n", "text/html; a=\0", "text/html;\x7f")
        others = ("", "text", "text/", "/html", "text /html", "text/html x", "text/ü", "a/b; ü")
        for asked in (None, *breaks, *others, LONGEST + "y"):
            self.assertEqual(value(asked), USUAL, asked)

    def test_it_is_that_of_the_response(self) -> None:
        self.assertEqual(
            answer(200, b"ab", b"X: y\r\n", "text/html"),
            b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nX: y\r\nContent-Length: 2\r\n\r\nab",
        )
        plain = b"HTTP/1.1 200 OK\r\nContent-Type: text/xml; charset=utf-8\r\n"
        self.assertTrue(answer(200, b"ab", b"").startswith(plain))
