"""People who chat over WebSocket, through ECM, on a real ejabberd."""

from twisted.trial.unittest import TestCase

from ecm.websocket import codes
from testkit.stack import running_stack
from testkit.websocket_user import SM, WebSocketUser

WORDS = "é世😀 <&'\" "


class WebSocketTests(TestCase):
    def setUp(self) -> None:
        self.stack = running_stack()
        self.url = f"ws://{self.stack.bosh.split('/')[2]}/ws"

    def user(self, name: str, path: str = "") -> WebSocketUser:
        """Return a user who is online."""
        user = WebSocketUser(self.url + path, self.stack.domain)
        user.log_in(name, self.stack.users[name])
        return user

    def test_two_people_talk_and_leave(self) -> None:
        alice, bob = self.user("alice"), self.user("bob", "/")
        for number in range(20):
            alice.message(bob.jid, f"{WORDS}{number}")
            bob.message(alice.jid, f"{number}{WORDS}")
        for number in range(20):
            self.assertEqual(bob.body(), f"{WORDS}{number}")
            self.assertEqual(alice.body(), f"{number}{WORDS}")
        alice.message(bob.jid, WORDS * 5000)
        self.assertEqual(bob.body(), WORDS * 5000)
        self.assertEqual([alice.leave(), bob.leave()], [codes.NORMAL] * 2)

    def test_a_stream_is_resumed_and_nothing_is_lost(self) -> None:
        alice, bob = self.user("alice"), self.user("bob")
        alice.say(f"<enable xmlns='{SM[1:-1]}' resume='true'/>")
        key = alice.hear(SM + "enabled").get("id")
        bob.message(alice.jid, "before")
        self.assertEqual(alice.body(), "before")
        alice.vanish()
        bob.message(alice.jid, "meanwhile")
        again = WebSocketUser(self.url, self.stack.domain)
        again.authenticate("alice", self.stack.users["alice"])
        again.say(f"<resume xmlns='{SM[1:-1]}' previd='{key}' h='1'/>")
        again.hear(SM + "resumed")
        self.assertEqual(again.body(), "meanwhile")
        bob.message(alice.jid, "after")
        self.assertEqual(again.body(), "after")
        self.assertEqual([again.leave(), bob.leave()], [codes.NORMAL] * 2)
