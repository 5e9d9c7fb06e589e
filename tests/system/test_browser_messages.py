"""Messages on the chat page: addresses that can be clicked, and what a hostile contact sends."""

from testkit.bosh_client import CLIENT, BoshClient, http_client
from testkit.chat_page import ChatPageCase, serve_page
from testkit.stack import running_stack

# The addresses in texts that become links; of each, what is shown, and where it leads.
FOUND = """
import("./links.js").then(({ withLinks }) => arguments[0].map((text) => {
  const parts = withLinks(text);
  const line = document.createElement("p");
  line.append(...parts);
  if (line.textContent !== text) throw new Error(line.innerHTML);
  return [...line.querySelectorAll("*")].map((link) => {
    if (link.rel !== "noopener noreferrer") throw new Error(link.outerHTML);
    return [link.textContent, link.href];
  });
}))
"""

ADDRESSES = {
    "": [],
    "nothing at all": [],
    "https://chat.example": ["https://chat.example"],
    "See http://a.example/b?c=d&e=%20#f, please.": ["http://a.example/b?c=d&e=%20#f"],
    "(https://a.example/b)! HTTPS://B.example/c...": ["https://a.example/b", "HTTPS://B.example/c"],
    "(as in https://a.example/b_(c))": ["https://a.example/b_(c)"],
    "http://localhost:5280/\nhttp://[::1]/": ["http://localhost:5280/", "http://[::1]/"],
    "https://a.example/\u4f60\u597d\U0001f600 x": ["https://a.example/\u4f60\u597d\U0001f600"],
    # What only looks like one, and what would lead elsewhere.
    "javascript:alert(1) data:text/html,x file:///etc/passwd ftp://a.example/": [],
    "javascript:alert('https://a.example/')": ["https://a.example/"],
    "http:// https:// https://: https://. http:///": [],
    "https://bank.example@evil.example/ https://a:b@evil.example/": [],
    'https://a.example/"onmouseover="ran=1': ["https://a.example/"],
    "https://a.example/<img src=x onerror='ran=1'>": ["https://a.example/"],
    "https://a.example/\u202egnp.exe": ["https://a.example/"],
    "https://a.example\u200b.evil.example/": ["https://a.example"],
}

# In none of these is anything to be run, or to be shown but the body.
HOSTILE = [
    "<body>&lt;img src='x' onerror='window.ran = 1'&gt;</body>",
    "<body>hostile</body><html xmlns='http://jabber.org/protocol/xhtml-im'>"
    "<body xmlns='http://www.w3.org/1999/xhtml'><script>window.ran = 1</script>"
    "<img src='x' onerror='window.ran = 1'/><p>shown</p></body></html>",
    "<body>hostile<img xmlns='http://www.w3.org/1999/xhtml' src='x' onerror='window.ran = 1'/>"
    "</body>",
    "<body>hostile</body><error xmlns='http://etherx.jabber.org/streams'>"
    "<not-authorized xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></error>",
    "<body>hostile</body><close xmlns='urn:ietf:params:xml:ns:xmpp-framing'/>",
    "<body>hostile</body><body xmlns='http://jabber.org/protocol/httpbind' type='terminate'/>",
    "<body>hostile</body><delay xmlns='urn:xmpp:delay' stamp='never'/>",
    "<body>hostile</body><delay xmlns='urn:xmpp:delay'/>",
]


RECEIPTS = "urn:xmpp:receipts"

# Whether all times of messages are of the last ten minutes.
RECENT = """[...document.querySelectorAll(".message time")].every(
  (time) => Math.abs(Date.now() - Date.parse(time.dateTime)) < 600_000)"""


def message(to: str, content: str, id: str = "") -> str:
    return f"<message xmlns='{CLIENT}' to='{to}' type='chat' id='{id}'>{content}</message>"


class LinksTests(ChatPageCase):
    def setUp(self) -> None:
        self.alice = self.person("alice")
        self.alice.browser.open(self.alice.page)

    def found(self, *texts: str) -> list[list[list[str]]]:
        found = self.alice.browser.value(FOUND, texts)
        assert isinstance(found, list)
        return found

    def test_addresses_become_links_and_the_text_stays(self) -> None:
        for text, found in zip(ADDRESSES, self.found(*ADDRESSES), strict=True):
            self.assertEqual([shown for shown, _ in found], ADDRESSES[text], text)
            for _, leads_to in found:
                self.assertRegex(leads_to, r"\Ahttps?://")

    def test_many_and_long_ones(self) -> None:
        [many, long, brackets] = self.found(
            "http://a " * 20_000, "http://a/" + "." * 200_000 + "x", "http://a/" + ")" * 200_000
        )
        self.assertEqual(len(many), 100)
        self.assertEqual([len(shown) for shown, _ in long], [200_010])
        self.assertEqual([shown for shown, _ in brackets], ["http://a/"])

    def test_a_click_opens_it_in_a_window_that_knows_nothing_of_this_one(self) -> None:
        address = f"{serve_page(self, None)}frame.html"
        alice, bob = self.alice_and_bob()
        alice.say(f"Look: {address}.")
        bob.await_messages(" a", 1)
        bob.browser.click(".message a")
        with bob.browser.newest_window():
            bob.browser.wait("location.href === arguments[0]", address)
            self.assertTrue(bob.browser.value("window.opener === null && !document.referrer"))


class HostileMessageTests(ChatPageCase):
    timeout = 120

    async def client(self) -> BoshClient:
        """Return a client of bob's own making, who is online."""
        stack = running_stack()
        client = BoshClient(http_client(self), stack.bosh, stack.domain)
        await client.create()
        await client.login("bob", stack.users["bob"])
        client.send(f"<presence xmlns='{CLIENT}'/>")  # so that receipts come
        return client

    async def test_nothing_runs_and_the_session_goes_on(self) -> None:
        alice = self.person("alice")
        alice.come()
        alice.await_state("online")
        stack, bob = running_stack(), await self.client()
        first = f"<body>first</body><request xmlns='{RECEIPTS}'/>"
        bob.send(message(f"alice@{stack.domain}", first, "first"))
        receipt = await bob.receive(lambda found: found.find(f"{{{RECEIPTS}}}received") is not None)
        session = receipt.attrib["from"]
        bob.send(*(message(session, each) for each in [*HOSTILE, "<body>last</body>"]))
        await bob.iq("get", "<ping xmlns='urn:xmpp:ping'/>")  # all of it has been taken then
        alice.await_messages("[data-direction=in]", len(HOSTILE) + 2)
        expected = ["first", "<img src='x' onerror='window.ran = 1'>", *["hostile"] * 7, "last"]
        self.assertEqual(alice.texts("in"), expected)
        self.assertFalse(alice.browser.value("window.ran"))
        self.assertTrue(alice.browser.value(RECENT))
        tags = "[...document.querySelectorAll('.message .text *')].length"
        self.assertEqual(alice.browser.value(tags), 0)
        await bob.terminate()
