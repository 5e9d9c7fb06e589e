"""The ways of the chat page to the server: WebSocket, and BOSH where that cannot be had."""

import os
import signal
import socket

from ecm.tools.ports import free_port
from testkit.chat_page import ChatPageCase, Person, demo_with, serve_page
from testkit.stack import running_stack

LONG = "<50 kB & more> \U0001f600\n" * 2700

WANTS_TO_STAY = "!window.dispatchEvent(new Event('beforeunload', { cancelable: true }))"

# Takes logins that work (w) or fail (f), one after the other; returns over what each of them goes,
# with ! for one that follows at once.
TRY = """
import("./ways.js").then(({ Ways }) => {
  const ways = new Ways(arguments[0]);
  let at_once = false;
  return [...arguments[1]].map((result) => {
    ways.choose();
    const way = ways.current[0] + (at_once ? "!" : "");
    at_once = result === "f" && ways.failed();
    if (result === "w") ways.worked();
    return way;
  }).join(" ");
})
"""


class WaysTests(ChatPageCase):
    def ways(self, logins: str, **addresses: str) -> object:
        return self.alice.browser.value(TRY, addresses, logins)

    def setUp(self) -> None:
        self.alice = self.person("alice")
        self.alice.browser.open(self.alice.page)

    def test_bosh_where_websocket_does_not_work(self) -> None:
        for logins, expected in (
            ("w", "w"),
            ("fw", "w b!"),
            ("fffff", "w b! w b! w"),
            ("fwfw", "w b! w b!"),
            ("wfffffffw", "w w w w b! w w w b!"),
            ("wffwf", "w w w w w"),
            ("fwfwwff", "w b! w b! w w w"),
        ):
            self.assertEqual(self.ways(logins, websocket="/ws", bosh="/bosh"), expected, logins)

    def test_there_may_be_one_alone(self) -> None:
        self.assertEqual(self.ways("fffwf", websocket="/ws"), "w w w w w")
        self.assertEqual(self.ways("fffwf", bosh="/bosh"), "b b b b b")


class FallbackTests(ChatPageCase):
    def assert_talk(self, websocket: str) -> None:
        """A page that finds no WebSocket there talks over BOSH, with one that does."""
        stack = running_stack()
        page = serve_page(self, demo_with({"websocket": websocket, "bosh": stack.bosh}))
        alice, bob = self.person("alice", page), self.person("bob")
        for person, way in ((alice, "BOSH"), (bob, "WebSocket")):
            person.come()
            said = person.await_state("online")
            self.assertIn(f"Online as {person.name} over {way}", said)
        alice.say("Hello")
        bob.say("Hello yourself")
        alice.await_messages("[data-progress=delivered]", 1)
        alice.await_messages("[data-direction=in]", 1)

    def test_where_it_is_refused(self) -> None:
        self.assert_talk(f"ws://127.0.0.1:{free_port()}/ws")

    def test_where_something_on_the_way_knows_no_websocket(self) -> None:
        self.assert_talk("/ws")  # of the server of the page, which has files alone

    def test_where_nothing_comes_back(self) -> None:
        silent = self.enterContext(socket.create_server(("127.0.0.1", 0)))
        self.assert_talk(f"ws://127.0.0.1:{silent.getsockname()[1]}/ws")


LOST = "Connection lost – trying again"
TEXTS = ["one", "two\nthree", LONG]


class LostWebSocketTests(ChatPageCase):
    """A conversation goes on after its connection is lost."""

    way = "WebSocket"

    def page(self) -> str | None:
        """Return the page that is opened, None for that of the demo."""
        return None

    def two(self) -> tuple[Person, Person]:
        both = self.alice_and_bob(self.page())
        for person in both:
            self.assertIn(f"over {self.way}", person.await_state("online"))
        return both

    def test_what_is_written_meanwhile_is_sent_later(self) -> None:
        alice, bob = self.two()
        alice.browser.set_offline(True)
        alice.browser.wait("document.body.innerText.includes(arguments[0])", LOST)
        alice.say(*TEXTS)
        alice.await_messages("[data-progress=waiting]", len(TEXTS))
        alice.await_presence("unknown")
        self.save_screenshots(alice, "connection-lost")
        alice.browser.set_offline(False)
        alice.await_state("online")
        alice.await_messages("[data-progress=delivered]", len(TEXTS))
        self.assertEqual(bob.texts("in"), TEXTS)

    def test_a_killed_ejabberd_loses_no_message(self) -> None:
        alice, bob = self.two()
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
        alice, _ = self.two()
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


class LostBoshTests(LostWebSocketTests):
    way = "BOSH"

    def page(self) -> str:
        return serve_page(self, demo_with({"bosh": running_stack().bosh}))
