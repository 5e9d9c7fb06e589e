"""Asking nodes what their mod_ecm takes."""

import contextlib
import io
import json
import socket
from contextlib import redirect_stdout
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Thread

from twisted.trial.unittest import TestCase

from ecm.link.packet import encode
from ecm.tools.doctor import ask as asking
from ecm.tools.doctor.ask import ask, endpoint
from ecm.tools.doctor.main import main
from ecm.tools.doctor.node import Node
from ecm.tools.doctor.plan import Transport
from ecm.tools.ports import free_port
from testkit.stack import running_stack

HELLO = (
    b"hello version=1 role=ejabberd instance=ejabberd@a max-packet=1048576 nonce=%b"
    b" features=parts%b"
)
WITH = HELLO % (b"0" * 32, b",streams")
WITHOUT = HELLO % (b"0" * 32, b"")


class EndpointTests(TestCase):
    def test_what_can_be_asked(self) -> None:
        for text in ("tcp:a.example:5290", "tcp:[::1]:1", "dns:tcp:a:65535", "unix:/run/e.sock"):
            self.assertEqual(endpoint(text), text)

    def test_what_cannot(self) -> None:
        for text in ("", "unix:", "tls:a:1", "srv:tcp:a", "tcp:a", "tcp:a:0", "tcp:a:65536", "a:1"):
            self.assertRaises(ValueError, endpoint, text)


class AskTests(TestCase):
    def node(self, said: bytes, family: int = socket.AF_INET, place: str = "") -> Node:
        """Ask a listener that says this, and then nothing."""
        listener = self.enterContext(socket.socket(family))
        listener.bind(place or ("127.0.0.1", 0))
        listener.listen()
        Thread(target=self._say, args=(listener, said), daemon=True).start()
        [node] = ask(f"unix:{place}" if place else f"tcp:127.0.0.1:{listener.getsockname()[1]}")
        return node

    def _say(self, listener: socket.socket, said: bytes) -> None:
        connection, _ = listener.accept()
        with connection:
            connection.recv(4096)  # the hello of an ECM
            connection.sendall(said)
            with contextlib.suppress(ConnectionError):
                connection.recv(1)  # the end, or a reset where it has not read all

    def test_one_that_carries_streams(self) -> None:
        node = self.node(encode(0, WITH))
        self.assertEqual((node.instance, node.fault), ("ejabberd@a", ""))
        self.assertTrue(all(node.takes(transport) for transport in Transport))

    def test_one_that_does_not(self) -> None:
        node = self.node(encode(0, WITHOUT))
        self.assertTrue(node.takes(Transport.BOSH))
        self.assertFalse(node.takes(Transport.WEBSOCKET) or node.takes(Transport.TCP))

    def test_a_unix_socket(self) -> None:
        place = Path(self.enterContext(TemporaryDirectory()), "socket")
        self.assertTrue(self.node(encode(0, WITH), socket.AF_UNIX, str(place)).takes(Transport.TCP))

    def test_what_is_no_mod_ecm(self) -> None:
        for said in (b"HTTP/1.1 400 Bad Request\r\n\r\n" * 2, encode(0, b"what"), b"9" * 5000):
            node = self.node(said)
            self.assertIn("it is no mod_ecm", node.fault)
            self.assertFalse(node.takes(Transport.BOSH))

    def test_one_that_refuses_links(self) -> None:
        self.assertIn("refuses links", self.node(encode(0, b"error busy too many links")).fault)

    def test_one_that_says_nothing(self) -> None:
        self.patch(asking, "TIMEOUT", 0.05)
        self.assertIn("has not said hello", self.node(b"").fault)
        self.assertIn("has not said hello", self.node(encode(0, WITH)[:40]).fault)

    def test_one_that_is_not_there(self) -> None:
        for text in (f"tcp:127.0.0.1:{free_port()}", "unix:/no/such/socket"):
            [node] = ask(text)
            self.assertIn("it cannot be reached (", node.fault)
        [unknown] = ask("tcp:no-such-host.invalid:1")
        self.assertIn("its address is not known", unknown.fault)

    def test_all_addresses_of_a_host(self) -> None:
        found = list(ask(f"dns:tcp:localhost:{free_port()}"))
        self.assertIn("tcp:127.0.0.1:", " ".join(node.address for node in found))


class MainTests(TestCase):
    def run_main(self, *arguments: str) -> tuple[int, str]:
        said = io.StringIO()
        with redirect_stdout(said):
            status = main(["--users", "1", *arguments])
        return status, said.getvalue()

    def test_a_real_node_takes_all_transports(self) -> None:
        link = f"tcp:{running_stack().link}"
        status, said = self.run_main("--transport", "websocket", "--upstream", link)
        self.assertEqual(status, 0)
        self.assertRegex(said, rf"\n{link}: \S+ takes BOSH, WebSocket and TCP\n")

    def test_one_node_of_several_fails(self) -> None:
        nodes = [f"tcp:{running_stack().link}", f"tcp:127.0.0.1:{free_port()}"]
        given = ["--upstream", nodes[0], "--upstream", nodes[1]]
        status, said = self.run_main(*given)
        self.assertEqual(status, 1)
        self.assertIn(f"\n{nodes[1]}: it cannot be reached (Connection refused)\n", said)
        status, said = self.run_main(*given, "--json")
        self.assertEqual([bool(node["fault"]) for node in json.loads(said)["nodes"]], [False, True])
