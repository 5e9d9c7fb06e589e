"""Origins as an operator gives them: only what a browser sends is taken."""

from hypothesis import given
from hypothesis.strategies import characters, from_regex, text
from twisted.trial.unittest import TestCase

from ecm.http.origin import EXAMPLE, origin

SENT = [
    *("https://chat.example", "http://chat.example:8080", "https://localhost", "http://a.example."),
    *("http://192.0.2.7", "https://[2001:db8::1]:8443", "https://xn--bcher-kva.example"),
    *("https://a_b.example", "https://chat.example:80", "http://chat.example:443"),
    *("chrome-extension://abcdefghijklmnop", "capacitor://localhost", "moz-extension://1A-b"),
]

# What is not sent, and what to give.
MEANT = {
    "https://chat.example/": "https://chat.example",
    "https://chat.example/chat/index.html": "https://chat.example",
    "https://chat.example?x#y": "https://chat.example",
    "https://chat.example:443": "https://chat.example",
    "http://chat.example:080": "http://chat.example",
    "https://chat.example:": "https://chat.example",
    "https://chat.example:08443": "https://chat.example:8443",
    "https://Chat.EXAMPLE": "https://chat.example",
    "HTTPS://chat.example": "https://chat.example",
    "https://alice:secret@chat.example": "https://chat.example",
    "chat.example": "https://chat.example",
    "chat.example:8443": "https://chat.example:8443",
    "//chat.example": f"one like {EXAMPLE}",
    " https://chat.example ": "https://chat.example",
    "https://[2001:DB8:0::1]": "https://[2001:db8::1]",
    "https://": f"one like {EXAMPLE}",
    "https:chat.example": f"one like {EXAMPLE}",
    "https://chat..example": f"one like {EXAMPLE}",
    "https://-chat.example": f"one like {EXAMPLE}",
    "https://chat example": f"one like {EXAMPLE}",
    "https://chat.example:0": f"one like {EXAMPLE}",
    "https://chat.example:65536": f"one like {EXAMPLE}",
    "https://192.0.2": f"one like {EXAMPLE}",
    "https://192.0.2.0x7": f"one like {EXAMPLE}",
    "https://[::1": f"one like {EXAMPLE}",
    "https://[1.2]": f"one like {EXAMPLE}",
    "https://a.example,https://b.example": f"one like {EXAMPLE}",
    "https://a.example https://b.example": f"one like {EXAMPLE}",
    "https://chat.example\n": "https://chat.example",
    "": f"one like {EXAMPLE}",
    "file://": f"one like {EXAMPLE}",
}


class OriginTests(TestCase):
    def test_what_a_browser_sends_is_taken(self) -> None:
        for sent in SENT:
            self.assertEqual(origin(sent), sent.encode())

    def test_of_anything_else_it_is_said_what_to_give(self) -> None:
        for meant, give in MEANT.items():
            said = str(self.assertRaises(ValueError, origin, meant))
            self.assertEqual(said, f"no browser sends this, give {give}", meant)

    def test_what_would_be_too_much(self) -> None:
        self.assertIn("sandbox", str(self.assertRaises(ValueError, origin, "null")))
        for pattern in ("https://*.example", "*.example", "https://*", "https://chat.example:*"):
            self.assertIn("give each", str(self.assertRaises(ValueError, origin, pattern)))

    def test_a_domain_is_given_as_it_is_sent(self) -> None:
        said = str(self.assertRaises(ValueError, origin, "https://bücher.example"))
        self.assertIn("punycode", said)

    @given(text(characters(max_codepoint=0x2FF)) | from_regex(r"https?://[\w.:@/-]+"))
    def test_what_is_taken_can_be_a_header_and_what_is_advised_is_taken(self, written: str) -> None:
        try:
            self.assertRegex(origin(written), rb"\A[a-z][a-z0-9+.-]*://[^/@?#\s]+\Z")
        except ValueError as refused:
            advice = str(refused).partition(", give ")[2]
            if "://" in advice and " " not in advice:
                self.assertEqual(origin(advice), advice.encode())
