"""Comparing what came with what a script expects."""

from twisted.trial.unittest import TestCase

from conformance.body import completed, element
from conformance.matcher import differences


def compared(pattern: str, came: str) -> list[str]:
    """The differences between two bodies, written as scripts do."""
    return differences(element(completed(pattern, {})), element(completed(came, {})))


class MatchTest(TestCase):
    def matches(self, pattern: str, came: str) -> None:
        self.assertEqual(compared(pattern, came), [])

    def test_empty(self) -> None:
        self.matches("<body/>", "<body></body>")

    def test_other_attributes_are_free(self) -> None:
        self.matches("<body sid='a'/>", "<body ack='7' sid='a'/>")

    def test_prefixed_attributes(self) -> None:
        self.matches("<body xmpp:version='1.0'/>", "<body xmpp:version='1.0'/>")

    def test_patterns_of_attributes(self) -> None:
        self.matches("<body type='{none}' wait='{0..60}'/>", "<body wait='60'/>")

    def test_children_in_order(self) -> None:
        self.matches("<body><a/><b/></body>", "<body>  <a/>  <b/>  </body>")

    def test_anything_in_a_gap(self) -> None:
        pattern = "<body>...<b/>...</body>"
        for came in ("<body><b/></body>", "<body><a/><b/><c/><b/></body>"):
            self.matches(pattern, came)

    def test_a_gap_looks_further_than_the_first_that_fits(self) -> None:
        self.matches("<body>...<b/><c/></body>", "<body><b/><a/><b/><c/></body>")

    def test_any_text(self) -> None:
        self.matches("<body><a>...</a></body>", "<body><a>what you like</a></body>")

    def test_text(self) -> None:
        self.matches("<body><a>1 &lt; 2</a></body>", "<body><a><![CDATA[1 < 2]]></a></body>")

    def test_what_servers_add_to_messages(self) -> None:
        came = "<body><message><stanza-id xmlns='urn:xmpp:sid:0'/><body>a</body></message></body>"
        self.matches("<body><message><body>a</body></message></body>", came)


class DifferenceTest(TestCase):
    def differs(self, pattern: str, came: str, *expected: str) -> None:
        self.assertEqual(compared(pattern, came), list(expected))

    def test_attribute(self) -> None:
        pattern, expected = "<body type='error'/>", "/body type: expected 'error', "
        self.differs(pattern, "<body type='terminate'/>", f"{expected}came 'terminate'")
        self.differs(pattern, "<body/>", f"{expected}there is none")

    def test_attribute_that_must_not_be_there(self) -> None:
        expected = "/body type: expected '{none}', came 'error'"
        self.differs("<body type='{none}'/>", "<body type='error'/>", expected)

    def test_name(self) -> None:
        self.differs(
            "<body><a xmlns='urn:a'/></body>",
            "<body><b xmlns='urn:b'/></body>",
            "/body/b: expected <a xmlns='urn:a'>, came <b xmlns='urn:b'>",
        )

    def test_namespace(self) -> None:
        self.differs(
            "<body><a xmlns='urn:a'/></body>",
            "<body><a xmlns='urn:b'/></body>",
            "/body/a: expected <a xmlns='urn:a'>, came <a xmlns='urn:b'>",
        )

    def test_text(self) -> None:
        pattern = "<body><message><body>one</body></message></body>"
        expected = "/body/message/body: expected the text 'one', came 'two'"
        self.differs(pattern, pattern.replace("one", "two"), expected)

    def test_text_where_there_should_be_none(self) -> None:
        self.differs("<body/>", "<body>Hello</body>", "/body: expected the text '', came 'Hello'")

    def test_too_few(self) -> None:
        expected = "/body: expected <b n='1'>text</b>, came no more"
        self.differs("<body><a/><b n='1'>text</b></body>", "<body><a/></body>", expected)

    def test_too_many(self) -> None:
        self.differs("<body/>", "<body><a/></body>", "/body: not expected: <a/>")

    def test_twice_is_too_many(self) -> None:
        message = "<message><body>once</body></message>"
        found = compared(f"<body>{message}</body>", f"<body>{message}{message}</body>")
        self.assertEqual(found, ["/body: not expected: <message><body>once</body></message>"])

    def test_one_that_is_in_no_gap(self) -> None:
        self.differs(
            "<body>...<b/>...</body>",
            "<body><a/></body>",
            "/body: expected <b/>, came <a xmlns='http://jabber.org/protocol/httpbind'>",
        )

    def test_order_with_gaps(self) -> None:
        found = compared("<body>...<a/>...<b/>...</body>", "<body><b/><a/></body>")
        self.assertIn("/body: expected <b/>", found[0])

    def test_more_than_the_gaps_allow(self) -> None:
        self.differs(
            "<body><a/>...<b/></body>",
            "<body><a/><b/><c/></body>",
            "/body: more elements than expected, or in another order",
        )

    def test_message_in_a_message_is_not_free(self) -> None:
        pattern = "<body><message/></body>"
        self.assertNotEqual(compared(pattern, "<body><message><body/></message></body>"), [])
