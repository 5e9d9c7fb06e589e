"""The chat page as people see it: what they do in their browsers, and what is on their screens."""

import os
from collections.abc import Mapping
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from json import dumps
from pathlib import Path
from shutil import copytree
from tempfile import TemporaryDirectory
from threading import Thread
from urllib.request import urlopen

from twisted.trial.unittest import TestCase

from testkit.browser import shared_browser
from testkit.paths import CHECKOUT
from testkit.stack import running_stack

SCREENSHOTS = Path(os.environ.get("ECM_TEST_ARTIFACTS", CHECKOUT / "build/screenshots")).resolve()
SCREENS = {"desk": (1280, 800), "phone": (390, 844)}


class Person:
    """Somebody before a browser: what they do and what they see."""

    def __init__(self, name: str, page: str) -> None:
        self.name = name
        self.page = page
        self.browser = shared_browser(name)

    def come(self) -> None:
        """Open the page, which logs in."""
        self.browser.open(f"{self.page}?user={self.name}")

    def go(self) -> None:
        """Leave the page, and leave the browser as it was found."""
        self.browser.open("about:blank")
        self.browser.set_offline(False)
        self.browser.set_screen(*SCREENS["desk"])
        self.browser.errors()

    def say(self, *texts: str) -> None:
        self.browser.submit("#text", texts)

    def choose(self, other: str) -> None:
        """Turn to another of the people on the page."""
        self.browser.click(f".contact[data-name='{other}']")

    def texts(self, direction: str) -> object:
        """The messages on the screen that came in or went out, from top to bottom."""
        selector = f"#log ol:not([hidden]) > [data-direction={direction}] .text"
        elements = "[...document.querySelectorAll(arguments[0])]"
        return self.browser.value(f"{elements}.map((element) => element.textContent)", selector)

    def await_messages(self, condition: str, count: int) -> None:
        """Wait until that many messages meet a CSS condition."""
        found = "document.querySelectorAll(arguments[0]).length"
        self.browser.wait(f"{found} >= arguments[1]", f".message{condition}", count)

    def await_presence(self, presence: str) -> None:
        """Wait until the person talked to is seen as online, away, offline."""
        shown = "document.querySelector('#partner').dataset.presence"
        self.browser.wait(f"{shown} === arguments[0]", presence)

    def await_state(self, state: str) -> str:
        """Wait for a state of the page; return all that the page says."""
        self.browser.wait("document.body.dataset.state === arguments[0]", state)
        return str(self.browser.value("document.body.innerText"))


class ChatPageCase(TestCase):
    """A test of the page, with people before browsers."""

    def person(self, name: str, page: str | None = None) -> Person:
        person = Person(name, page or running_stack().page)
        self.addCleanup(person.go)
        return person

    def alice_and_bob(self, page: str | None = None) -> tuple[Person, Person]:
        both = self.person("alice", page), self.person("bob", page)
        for person in both:
            person.come()
        for person in both:
            person.await_state("online")
        return both

    def save_screenshots(self, person: Person, name: str) -> None:
        """One for each screen, in light and dark; nothing may stick out at the side."""
        for screen, size in SCREENS.items():
            for colours in ("light", "dark"):
                person.browser.set_screen(*size, dark=colours == "dark")
                person.browser.save_screenshot(SCREENSHOTS / f"{name}-{screen}-{colours}.png")
            overhang = person.browser.value("document.documentElement.scrollWidth - innerWidth")
            self.assertEqual(overhang, 0, screen)
        print(f"{SCREENSHOTS}/{name}-*.png")


def demo_with(addresses: Mapping[str, str], *strangers: str) -> dict[str, object]:
    """Return a demo.json with these addresses; ``strangers`` are people without an account."""
    stack = running_stack()
    users = dict.fromkeys(strangers, "") | stack.users
    named = [{"name": name, "password": password} for name, password in users.items()]
    return {"domain": stack.domain, "users": named, **addresses}


def serve_page(test: TestCase, demo: Mapping[str, object] | None) -> str:
    """Serve the page, with that demo.json or without, until the test ends; return the URL."""
    folder = TemporaryDirectory()
    test.addCleanup(folder.cleanup)
    copytree(CHECKOUT / "ecm/tools/demo/page", folder.name, dirs_exist_ok=True)
    index = Path(folder.name, "index.html")
    hosts = "http://127.0.0.1:* ws://127.0.0.1:*"
    index.write_text(index.read_text().replace("connect-src", f"connect-src {hosts}"))
    with urlopen(f"{running_stack().page}strophe.js") as strophe:
        Path(folder.name, "strophe.js").write_bytes(strophe.read())
    if demo:
        Path(folder.name, "demo.json").write_text(dumps(demo))
    Path(folder.name, "frame.html").write_text(f"<iframe src='{running_stack().page}'></iframe>")
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(QuietHandler, directory=folder.name))
    test.addCleanup(server.server_close)
    test.addCleanup(server.shutdown)
    Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    return f"http://127.0.0.1:{server.server_port}/"


class QuietHandler(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *values: object) -> None:
        """Say nothing of requests."""
