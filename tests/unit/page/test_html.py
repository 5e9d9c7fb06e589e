"""HTML from parts: escaped, closed, and no more than was meant."""

from hypothesis import given
from hypothesis.strategies import text
from twisted.trial.unittest import TestCase

from ecm.page.html import Markup, join, tag
from testkit.seen_page import SeenPage


class HtmlTests(TestCase):
    def test_an_element_has_its_attributes_and_its_content(self) -> None:
        made = tag("a", "A & B", href="x?a=1&b=2", class_="one", aria_label='"q"', hidden=True)
        self.assertEqual(
            made,
            '<a href="x?a=1&amp;b=2" class="one" aria-label="&quot;q&quot;" hidden>A &amp; B</a>',
        )

    def test_an_attribute_that_is_false_is_left_out(self) -> None:
        self.assertEqual(tag("p", hidden=False), "<p></p>")

    def test_an_empty_element_has_no_end(self) -> None:
        self.assertEqual(tag("meta", charset="utf-8"), '<meta charset="utf-8">')

    def test_what_is_made_stays_and_a_text_is_escaped(self) -> None:
        self.assertEqual(join(Markup("<b>"), "<b>"), "<b>&lt;b&gt;")

    @given(text(), text())
    def test_no_text_becomes_an_element(self, content: str, value: str) -> None:
        page = SeenPage(tag("p", content, title=value))
        self.assertEqual([name for name, _ in page.elements], ["p"])
        self.assertEqual([*page.named("p")[0]], ["title"])
