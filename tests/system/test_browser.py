"""The chat page in two real browsers, through the whole stack: alice and bob talk."""

from selenium.webdriver.common.keys import Keys

from testkit.chat_page import SCREENS, ChatPageCase, demo_with, serve_page
from testkit.stack import running_stack

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

# The lowest thing of the form, and whether the notice is within the form.
BOTTOM = "document.querySelector('#account button').getBoundingClientRect().bottom"
WITHIN = """[document.querySelector("#account"), document.querySelector("#notice")]
  .map((element) => element.getBoundingClientRect())
  .reduce((form, notice) => notice.height && form.top <= notice.top && notice.bottom <= form.bottom
    && form.left <= notice.left && notice.right <= form.right)"""


class BoshTests(ChatPageCase):
    def page(self) -> str | None:
        """Return the page that is opened, None for that of the demo."""
        return serve_page(self, demo_with({"bosh": running_stack().bosh}))

    def test_each_message_arrives_once_and_in_order(self) -> None:
        alice, bob = self.alice_and_bob(self.page())
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


class WebSocketTests(BoshTests):
    def page(self) -> None:
        """That of the demo."""


class ConversationTests(ChatPageCase):
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

    def test_who_comes_back_to_the_page_is_online_again(self) -> None:
        """Browsers keep a page for that, with an open WebSocket, too."""
        alice, bob = self.alice_and_bob()
        bob.browser.open("about:blank")
        alice.await_presence("offline")
        bob.browser.back()
        alice.await_presence("online")
        alice.say("Hello again")
        bob.await_messages("[data-direction=in]", 1)

    def test_enter_sends_and_shift_enter_breaks_the_line(self) -> None:
        alice, bob = self.alice_and_bob()
        alice.browser.press("#text", "one", Keys.SHIFT, Keys.ENTER, Keys.SHIFT, "two", Keys.ENTER)
        bob.await_messages("[data-direction=in]", 1)
        self.assertEqual(bob.texts("in"), ["one\ntwo"])


class LoginTests(ChatPageCase):
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

    def test_the_error_is_in_the_form_and_moves_nothing(self) -> None:
        for screen, size in SCREENS.items():
            self.browser.set_screen(*size)
            self.open_login()
            before = self.browser.value(BOTTOM)
            self.assertTrue(self.browser.value(f"{BOTTOM} <= innerHeight"), screen)
            self.browser.press("#name", "alice")
            self.browser.press("#password", "wrong", Keys.ENTER)
            self.alice.await_state("denied")
            self.assertEqual(self.browser.value(BOTTOM), before, screen)
            self.assertTrue(self.browser.value(WITHIN), screen)
        self.save_screenshots(self.alice, "denied")

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


class MorePeopleTests(ChatPageCase):
    """The page from another host than BOSH, and with a third person, who has no account."""

    def setUp(self) -> None:
        demo = demo_with({"bosh": running_stack().bosh}, "nobody")
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

    def test_presence_is_told_in_words(self) -> None:
        tab = "document.querySelector('.contact[data-name=bob]').innerText"
        self.alice.browser.wait(f"{tab}.includes('online')")
        self.bob.browser.click("#away")
        self.alice.browser.wait(f"{tab}.includes('away')")
        said = "document.querySelector('#state').innerText"
        self.assertIn("shown as away", str(self.bob.browser.value(said)))
        self.save_screenshots(self.alice, "away")

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
