"""Completing the bodies of scripts."""

from twisted.trial.unittest import TestCase

from conformance.body import completed, element, shown

HTTPBIND = "http://jabber.org/protocol/httpbind"


class CompletedTest(TestCase):
    def test_namespace_and_attributes(self) -> None:
        self.assertEqual(
            completed("<body/>", {"rid": "7", "sid": "s"}),
            f"<body xmlns='{HTTPBIND}' rid='7' sid='s'/>",
        )

    def test_what_the_script_says_stays(self) -> None:
        text = completed("<body xmlns='urn:x' rid='9'/>", {"rid": "7"})
        self.assertEqual(text, "<body xmlns='urn:x' rid='9'/>")

    def test_empty_attributes_are_left_out(self) -> None:
        self.assertEqual(completed("<body sid=''/>", {"sid": "s"}), f"<body xmlns='{HTTPBIND}'/>")

    def test_prefixes(self) -> None:
        self.assertIn("xmlns:xmpp='urn:xmpp:xbosh'", completed("<body xmpp:restart='true'/>", {}))
        stream = "http://etherx.jabber.org/streams"
        self.assertIn(f"xmlns:stream='{stream}'", completed("<body><stream:error/></body>", {}))

    def test_namespace_of_stanzas(self) -> None:
        text = completed("<body><message to='b'><body>Hi</body></message><iq/></body>", {})
        self.assertIn("<message xmlns='jabber:client' to='b'><body>Hi</body></message>", text)
        self.assertIn("<iq xmlns='jabber:client'/>", text)

    def test_no_space_between_tags(self) -> None:
        text = completed("<body>\n    <a>\n    </a>\n    <b>  text  </b>\n</body>", {})
        self.assertEqual(text, f"<body xmlns='{HTTPBIND}'><a></a><b>  text  </b></body>")


class ElementTest(TestCase):
    def test_no_xml(self) -> None:
        for text in ("", "text", "<body>", "<a/><b/>", b"\xff"):
            with self.assertRaisesRegex(ValueError, "no well-formed XML"):
                element(text)

    def test_shown(self) -> None:
        text = "<body xmpp:version='1.0'><stream:error><a n='1'>text</a></stream:error></body>"
        self.assertEqual(shown(element(completed(text, {}))), text)
