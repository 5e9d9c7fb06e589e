"""People who chat over TCP with slixmpp, through ECM, on a real ejabberd."""

import re
from pathlib import Path
from tempfile import TemporaryDirectory

from twisted.trial.unittest import TestCase

from testkit.certificates import Authority
from testkit.process import script
from testkit.servers.process import Process, command
from testkit.slixmpp_user import Port, SlixmppUser, run
from testkit.stack import running_stack

WORDS = "é世😀 <&'\" "
PLACE = "port=0:interface=127.0.0.1"


class TcpTests(TestCase):
    options: tuple[str, ...] = ()
    workers = 1

    def setUp(self) -> None:
        self.stack = running_stack()
        folder = Path(self.enterContext(TemporaryDirectory()))
        root = Authority.root()
        folder.joinpath("cert.pem").write_bytes(b"".join(root.sign("localhost")))
        authority = folder / "ca"
        authority.write_bytes(root.issuers)
        asked, at_once = self.start_ecm(folder)
        self.ports = [Port(asked, False, str(authority)), Port(at_once, True, str(authority))]

    def start_ecm(self, folder: Path) -> list[int]:
        """Start one of this test's own; return its ports, with STARTTLS and with TLS at once."""
        self.ecm: Process = command(
            *(script("twistd"), "-n", "--pidfile=", "ecm", "--listen", "tcp:0:interface=127.0.0.1"),
            *("--upstream", f"tcp:{self.stack.link}", "--link-secret-file", self.stack.secret),
            *("--stream", f"starttls:{folder}:{PLACE}", "--stream", f"tls:{folder}:{PLACE}"),
            *("--workers", str(self.workers), *self.options),
        )
        self.enterContext(self.ecm)
        found: list[int] = []
        links = 0
        for line in self.ecm.lines():
            if match := re.search(r"Factory.* starting on ([0-9]+)", line):
                found.append(int(match[1]))
            links += "link up: " in line
            if links == self.workers:
                break
        return found[1:]

    def user(self, name: str) -> SlixmppUser:
        return SlixmppUser(f"{name}@{self.stack.domain}", self.stack.users[name])

    def test_two_people_talk_and_leave(self) -> None:
        for port in self.ports:
            run(self._talk(port))

    async def _talk(self, port: Port) -> None:
        alice, bob = self.user("alice"), self.user("bob")
        await alice.log_in(port)
        await bob.log_in(port)
        for number in range(20):
            alice.say(bob, f"{WORDS}{number}")
            bob.say(alice, f"{number}{WORDS}")
        for number in range(20):
            self.assertEqual(await bob.body(), f"{WORDS}{number}")
            self.assertEqual(await alice.body(), f"{number}{WORDS}")
        alice.say(bob, WORDS * 5000)
        self.assertEqual(await bob.body(), WORDS * 5000)
        await alice.leave()
        await bob.leave()

    def test_a_stream_is_resumed_and_nothing_is_lost(self) -> None:
        run(self._resume(*self.ports))

    async def _resume(self, first: Port, second: Port) -> None:
        alice, bob = self.user("alice"), self.user("bob")
        await alice.log_in(first)
        await bob.log_in(second)
        bob.say(alice, "before")
        self.assertEqual(await alice.body(), "before")
        await alice.vanish()
        bob.say(alice, "meanwhile")
        self.assertEqual(await alice.connect(second), "session_resumed")
        self.assertEqual(await alice.body(), "meanwhile")
        bob.say(alice, "after")
        self.assertEqual(await alice.body(), "after")
        await alice.leave()
        await bob.leave()


class TcpThroughWorkersTests(TcpTests):
    options = ("--lean-tls",)
    workers = 2
