"""The chat page in two real browsers, through the whole stack: alice and bob talk."""

import os
import signal
from collections.abc import Mapping
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from json import dumps
from pathlib import Path
from shutil import copytree
from tempfile import TemporaryDirectory
from threading import Thread
from urllib.request import urlopen

from selenium.webdriver.common.keys import Keys
from twisted.trial.unittest import TestCase

from testkit.browser import shared_browser
from testkit.paths import CHECKOUT
from testkit.stack import running_stack

SCREENSHOTS = Path(os.environ.get("ECM_TEST_ARTIFACTS", CHECKOUT / "build/screenshots")).resolve()
SCREENS = {"desk": (1280, 800), "phone": (390, 844)}

ODD_TEXTS = [
    "<&>\"' &amp; <b onclick='x()'>no markup</b> ]]> <!-- -->",
    "one line\nanother\n\n  and an indented one after a gap",
    "\U0001f4e3 \U0001f469\u200d\U0001f680 \u4f60\u597d \u0645\u0631\u062d\u0628\u0627 e\u0301",
    "<50 kB & more> \U0001f600\n" * 2700,
]

# Shows messages of one person, written in the order of their numbers, as they come.
SHOW = """
import("./contact.js").then(({ Contact }) => {
  const contact = new Contact("bob@localhost", "bob", true);
  const message = (id) => ({ id, direction: "in", text: id, date: new Date() });
  for (const id of ["r-2", "r-10", "r-9", "s-1", "r-1", "r-9"]) contact.show(message(id));
  return [...contact.list.querySelectorAll(".text")].map((element) => element.textContent);
})
"""

# What a script that is not the page's own could try, and a list of what the browser has refused.
WATCH = """(window.refused = [], document.addEventListener("securitypolicyviolation",
  (event) => window.refused.push(event.effectiveDirective)))"""
ATTEMPTS = [
    "document.body.insertAdjacentHTML('beforeend', '<img src=x onerror=\"window.ran = 1\">')",
    "document.body.append(Object.assign(document.createElement('script'),"
    " { textContent: 'window.ran = 1' }))",
    "document.body.insertAdjacentHTML('beforeend', '<p style=\"color: red\">')",
    "document.body.insertAdjacentHTML('beforeend', '<iframe src=\"/\">')",
    "document.head.insertAdjacentHTML('beforeend', '<base href=\"//other.example\">')",
    "HTMLFormElement.prototype.submit.call(document.querySelector('#account'))",
    "void fetch('http://127.0.0.2:1/').catch(() => {})",
]

WANTS_TO_STAY = "!window.dispatchEvent(new Event('beforeunload', { cancelable: true }))"


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


class BrowserTestCase(TestCase):
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


class ConversationTests(BrowserTestCase):
    def test_each_message_arrives_once_and_in_order(self) -> None:
        alice, bob = self.alice_and_bob()
        texts = {person: ODD_TEXTS + plain_texts(person.name) for person in (alice, bob)}
        for start in range(0, 100, 5):
            for person in (alice, bob):
                person.say(*texts[person][start : start + 5])
        for person, other in ((alice, bob), (bob, alice)):
            person.await_messages("[data-progress=delivered]", 100)
            person.await_messages("[data-direction=in]", 100)
            self.assertEqual(person.texts("out"), texts[person])
            self.assertEqual(person.texts("in"), texts[other])
            self.assertEqual(person.browser.errors(), [])
        self.save_screenshots(bob, "chat")

    def test_what_xml_cannot_carry_is_replaced(self) -> None:
        alice, bob = self.alice_and_bob()
        alice.say("bell \x07, tab \t.")
        bob.await_messages("[data-direction=in]", 1)
        self.assertEqual(bob.texts("in"), ["bell \ufffd, tab \t."])
        self.assertEqual(alice.texts("out"), bob.texts("in"))

    def test_messages_that_were_overtaken_take_their_place(self) -> None:
        alice = self.person("alice")
        alice.browser.open(alice.page)
        self.assertEqual(alice.browser.value(SHOW), ["r-1", "r-2", "r-9", "r-10", "s-1"])

    def test_presence_of_the_other_is_seen(self) -> None:
        alice, bob = self.alice_and_bob()
        alice.await_presence("online")
        bob.await_presence("online")
        bob.browser.click("#away")
        alice.await_presence("away")
        bob.browser.click("#away")
        alice.await_presence("online")
        bob.go()
        alice.await_presence("offline")
        bob.come()
        alice.await_presence("online")
        bob.browser.click("#logout")
        self.assertIn("You have logged out", bob.await_state("left"))
        alice.await_presence("offline")

    def test_enter_sends_and_shift_enter_breaks_the_line(self) -> None:
        alice, bob = self.alice_and_bob()
        alice.browser.press("#text", "one", Keys.SHIFT, Keys.ENTER, Keys.SHIFT, "two", Keys.ENTER)
        bob.await_messages("[data-direction=in]", 1)
        self.assertEqual(bob.texts("in"), ["one\ntwo"])


LOST = "Connection lost – trying again"


class LostConnectionTests(BrowserTestCase):
    def test_what_is_written_meanwhile_is_sent_later(self) -> None:
        alice, bob = self.alice_and_bob()
        alice.browser.set_offline(True)
        alice.browser.wait("document.body.innerText.includes(arguments[0])", LOST)
        alice.say(*ODD_TEXTS)
        alice.await_messages("[data-progress=waiting]", len(ODD_TEXTS))
        alice.await_presence("unknown")
        self.save_screenshots(alice, "connection-lost")
        alice.browser.set_offline(False)
        alice.await_state("online")
        alice.await_messages("[data-progress=delivered]", len(ODD_TEXTS))
        self.assertEqual(bob.texts("in"), ODD_TEXTS)

    def test_a_killed_ejabberd_loses_no_message(self) -> None:
        alice, bob = self.alice_and_bob()
        alice.say("before")
        os.kill(running_stack().pid("ejabberd"), signal.SIGKILL)
        bob.await_state("lost")
        alice.say("meanwhile")
        for person in (alice, bob):
            person.await_state("online")
            person.await_presence("online")
        alice.say("after")
        alice.await_messages("[data-progress=delivered]", 3)
        self.assertEqual(bob.texts("in"), ["before", "meanwhile", "after"])

    def test_nobody_leaves_unsent_messages_unwarned(self) -> None:
        alice, _ = self.alice_and_bob()
        self.assertFalse(alice.browser.value(WANTS_TO_STAY))
        alice.browser.set_offline(True)
        alice.await_state("lost")
        alice.say("Wait for me")
        self.assertTrue(alice.browser.value(WANTS_TO_STAY))
        alice.browser.click("#logout")
        self.assertIn("not been sent", alice.browser.decline())
        alice.browser.set_offline(False)
        alice.await_messages("[data-progress=delivered]", 1)
        self.assertFalse(alice.browser.value(WANTS_TO_STAY))


class LoginTests(BrowserTestCase):
    def setUp(self) -> None:
        self.alice = self.person("alice")
        self.browser = self.alice.browser

    def test_one_tap_logs_in(self) -> None:
        self.open_login()
        self.save_screenshots(self.alice, "login")
        self.browser.click(".person")
        self.assertIn("Online as alice", self.alice.await_state("online"))

    def test_a_name_and_a_password_log_in(self) -> None:
        self.open_login()
        self.browser.press("#name", "alice")
        self.browser.press("#password", "wrong", Keys.ENTER)
        self.assertIn("Wrong name or password", self.alice.await_state("denied"))
        self.browser.press("#password", running_stack().users["alice"], Keys.ENTER)
        self.assertIn("Online as alice", self.alice.await_state("online"))

    def test_a_name_that_is_not_in_the_list_needs_a_password(self) -> None:
        self.browser.open(f"{self.alice.page}?user=<b>carol")
        self.browser.wait("document.activeElement.id === 'password'")
        self.assertIn("<b>carol is not in the list", self.alice.await_state("start"))
        self.assertEqual(self.browser.value("document.querySelector('#name').value"), "<b>carol")

    def test_a_page_without_a_server_says_so(self) -> None:
        self.browser.open(serve_page(self, None))
        self.browser.wait("document.querySelector('#notice').textContent.includes('ecm-demo')")

    def test_in_a_frame_of_another_page_it_offers_nothing(self) -> None:
        self.browser.open(f"{serve_page(self, None)}frame.html")
        with self.browser.inside("iframe"):
            self.browser.wait("document.querySelector('#notice').textContent.includes('window')")
            self.assertEqual(self.browser.value("document.querySelectorAll('.person').length"), 0)

    def test_its_policy_lets_nothing_of_others_in(self) -> None:
        self.open_login()
        self.assertEqual(self.browser.errors(), [])
        for attempt in ATTEMPTS:
            self.browser.value(attempt)
            self.assertFalse(self.browser.value("window.ran"))
            self.browser.wait("window.refused.length > 0")
            self.browser.value("window.refused.length = 0")
        self.browser.errors()

    def open_login(self) -> None:
        self.browser.open(self.alice.page)
        self.browser.wait("document.querySelectorAll('.person').length >= 2")
        self.browser.value(WATCH)


class MorePeopleTests(BrowserTestCase):
    """The page from another host than BOSH, and with a third person, who has no account."""

    def setUp(self) -> None:
        stack = running_stack()
        users = {"nobody": "", **stack.users}
        demo = {
            "domain": stack.domain,
            "bosh": stack.bosh,
            "users": [{"name": name, "password": users[name]} for name in users],
        }
        self.alice, self.bob = self.alice_and_bob(serve_page(self, demo))

    def test_a_message_of_somebody_else_is_seen(self) -> None:
        self.bob.choose("alice")
        self.alice.choose("nobody")
        self.bob.say("Hello Alice")
        self.alice.browser.wait("document.title === '(1) alice – Megaphone'")
        self.assertEqual(self.alice.browser.value(badge_of("bob")), "1")
        self.assertEqual(self.alice.texts("in"), [])
        self.save_screenshots(self.alice, "more-people")
        self.alice.choose("bob")
        self.assertEqual(self.alice.browser.value("document.title"), "alice – Megaphone")
        self.assertEqual(self.alice.texts("in"), ["Hello Alice"])

    def test_a_message_that_comes_back_can_be_sent_again(self) -> None:
        self.alice.choose("nobody")
        self.alice.say("Is nobody there?")
        self.alice.await_messages("[data-progress=failed]", 1)
        self.save_screenshots(self.alice, "not-sent")
        self.alice.browser.click(".again")
        self.alice.await_messages("[data-progress=failed]", 1)
        self.assertEqual(self.alice.texts("out"), ["Is nobody there?"])


def plain_texts(name: str) -> list[str]:
    """As many as fill up the odd ones to a hundred."""
    return [f"{name} {number} \U0001f44b <&>" for number in range(len(ODD_TEXTS), 100)]


def badge_of(name: str) -> str:
    return f"document.querySelector('.contact[data-name={name}] .badge:not([hidden])').textContent"


def bosh_origin() -> str:
    """As the policy of a page has it that is served elsewhere."""
    return running_stack().page.rstrip("/")


def serve_page(test: TestCase, demo: Mapping[str, object] | None) -> str:
    """Serve the page, with that demo.json or without, until the test ends; return the URL."""
    folder = TemporaryDirectory()
    test.addCleanup(folder.cleanup)
    copytree(CHECKOUT / "ecm/tools/demo/page", folder.name, dirs_exist_ok=True)
    index = Path(folder.name, "index.html")
    index.write_text(index.read_text().replace("connect-src", f"connect-src {bosh_origin()}"))
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
