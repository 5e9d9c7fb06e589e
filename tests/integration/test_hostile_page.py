"""A page of an attacker's, in a real browser, that lets it post to BOSH and show the answer.

The form repeats nothing that must be known of its visitor: it goes on with a session of the
attacker's own, in which a message with a script waits. Run on the chat's origin, the script would
have all that the visitor's chat has there.
"""

from contextlib import AbstractContextManager, nullcontext
from functools import partial
from html import escape
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from urllib.parse import parse_qs, urlsplit
from urllib.request import Request, urlopen

from twisted.trial.unittest import TestCase

from testkit.bosh_client import BIND, CLIENT, BoshClient, http_client
from testkit.browser import shared_browser
from testkit.stack import running_stack

# In XML, as in HTML, this is a script.
SCRIPT = (
    "<script xmlns='http://www.w3.org/1999/xhtml'>"
    "document.documentElement.setAttribute('ran', origin)</script>"
)

PAGE = """<!doctype html>
<iframe name="frame"></iframe>
<form method="post" enctype="text/plain" action="{to}" target="{target}">
<input name="{name}" value="{value}"></form>
<script>document.forms[0].submit()</script>
"""

SHOWN = "document.documentElement.querySelector('script')"
RAN = "document.documentElement.getAttribute('ran')"


class Attacker:
    """A page that posts a body to an address, and a relay that leaves out ECM's headers."""

    def __init__(self, test: TestCase) -> None:
        self.body = ""
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Handler, self))
        test.addCleanup(self.server.server_close)
        test.addCleanup(self.server.shutdown)
        Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()

    @property
    def url(self) -> str:
        """Its address: of another site than that of the stack."""
        return f"http://localhost:{self.server.server_port}/"

    def page(self, query: str) -> str:
        """Return the page that posts the body; to ECM, or where the query says."""
        asked = parse_qs(urlsplit(query).query)
        name, _, value = self.body.partition("=")
        return PAGE.format(
            to=asked.get("to", [running_stack().bosh])[0],
            target=asked["target"][0],
            name=escape(name),
            value=escape(value),
        )


class _Handler(BaseHTTPRequestHandler):
    def __init__(self, attacker: Attacker, *rest: object) -> None:
        self.attacker = attacker
        super().__init__(*rest)  # type: ignore[arg-type]

    def do_GET(self) -> None:
        self.answer("text/html", self.attacker.page(self.path).encode())

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        with urlopen(Request(running_stack().bosh, body)) as answer:
            self.answer("text/xml; charset=utf-8", answer.read())

    def answer(self, kind: str, content: bytes) -> None:
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *values: object) -> None:
        """Say nothing of requests."""


class HostilePageTests(TestCase):
    timeout = 120

    def setUp(self) -> None:
        self.attacker = Attacker(self)
        self.browser = shared_browser("alice")
        self.addCleanup(self.browser.open, "about:blank")

    async def visit(self, content: str, target: str, to: str = "") -> object:
        """Visit the page, whose form shows its answer there; return where its script has run."""
        self.attacker.body = await self.waiting_body(content)
        relay = f"&to={to}" if to else ""
        self.browser.open(f"{self.attacker.url}?target={target}{relay}")
        with self.shown_in(target):
            self.browser.wait(SHOWN)
            return self.browser.value(RAN)

    def shown_in(self, target: str) -> AbstractContextManager[None]:
        if target == "frame":
            return self.browser.inside("iframe")
        return self.browser.newest_window() if target == "_blank" else nullcontext()

    async def waiting_body(self, content: str) -> str:
        """Log in, and return a request of this session that is answered with a script."""
        stack = running_stack()
        client = BoshClient(http_client(self), stack.bosh, stack.domain)
        first = await client.ask(to=stack.domain, wait="60", hold="1", ver="1.11", content=content)
        client.session.sid = first.attrib["sid"].encode()
        await client.authenticate("bob", stack.users["bob"])
        bound = await client.iq("set", f"<bind xmlns='{BIND}'/>")
        jid = bound.findtext(f".//{{{BIND}}}jid")
        message = f"<message xmlns='{CLIENT}' to='{jid}' type='chat'>{SCRIPT}</message>"
        return client.next_body(message).decode()

    async def test_a_script_in_an_answer_does_not_run(self) -> None:
        for target in ("_self", "frame", "_blank"):
            self.assertIsNone(await self.visit("text/xml; charset=utf-8", target), target)

    async def test_nor_does_it_in_a_type_that_the_attacker_asks_for(self) -> None:
        for content in ("text/html", "application/xhtml+xml", "application/x+xml"):
            self.assertIsNone(await self.visit(content, "_self"), content)

    async def test_it_would_without_the_headers(self) -> None:
        for target in ("_self", "frame", "_blank"):
            ran = await self.visit("", target, f"{self.attacker.url}relay")
            self.assertEqual(ran, self.attacker.url[:-1], target)
