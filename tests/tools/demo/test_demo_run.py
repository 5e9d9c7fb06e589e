"""ecm-demo for real: ejabberd, ECM, and what becomes of them."""

import contextlib
import http.client
import json
import os
import re
import select
import signal
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from xml.etree import ElementTree

from twisted.internet.defer import Deferred, gatherResults
from twisted.trial.unittest import TestCase

from ecm.tools.demo.probe import serves
from ecm.tools.ports import HOST
from testkit.process import open_files, script, start
from testkit.slixmpp_user import Port, SlixmppUser, run

_BOSH = "xmlns='http://jabber.org/protocol/httpbind'"
_SASL = "urn:ietf:params:xml:ns:xmpp-sasl"
_VERSION = "xmpp:version='1.0' xmlns:xmpp='urn:xmpp:xbosh'"

_LISTEN = "0A"  # the state of a socket, in /proc/net/tcp
_LOOPBACK = "0100007F"  # 127.0.0.1, there
_PATIENCE = 60  # seconds for what takes one or two


class Demo:
    """An ecm-demo with its data in a folder below this one."""

    def __init__(self, test: TestCase, parent: Path, *options: str) -> None:
        parent.mkdir(exist_ok=True)
        self.folder = parent / "demo"
        self.ready_file = parent / "ready.json"
        ports = ("--http", "0", "--xmpp", "0")
        places = ("--dir", str(self.folder), *ports, "--ready-file", str(self.ready_file))
        self.process = start(test, script("ecm-demo"), *places, *options)

    def is_up(self) -> Deferred[re.Match[str]]:
        return self.process.printed("Ctrl-C stops")

    @property
    def ready(self) -> Any:
        return json.loads(self.ready_file.read_text())

    @property
    def page_port(self) -> int:
        return int(self.ready["page"].rstrip("/").rpartition(":")[2])

    def ejabberdctl(self, *command: str) -> str:
        return subprocess.run(
            [self.folder / "ejabberdctl", *command], check=True, capture_output=True, text=True
        ).stdout

    def processes(self) -> list[int]:
        """The process IDs of all that has this demo's folder in its command or environment."""
        wanted = os.fsencode(self.folder)
        return [int(pid) for pid in os.listdir("/proc") if pid.isdigit() and wanted in _about(pid)]

    def secrets(self) -> list[str]:
        """All that nobody else is to know."""
        kept = (self.folder / "ejabberd" / name for name in (".erlang.cookie", "link.secret"))
        return [*self.ready["users"].values(), *(path.read_text() for path in kept)]

    def open_to_others(self) -> list[str]:
        """Return the files in it that others than the owner could read."""
        paths = [self.folder, *self.folder.rglob("*"), self.ready_file]
        return [str(path) for path in paths if path.stat().st_mode & 0o077]

    def listening(self) -> set[str]:
        """The addresses on which its processes listen, in hexadecimal as the kernel has them."""
        inodes = {inode for pid in self.processes() for inode in _socket_inodes(pid)}
        tables = (Path("/proc/net", table).read_text() for table in ("tcp", "tcp6"))
        rows = [row.split() for table in tables for row in table.splitlines()[1:]]
        return {row[1].partition(":")[0] for row in rows if row[3] == _LISTEN and row[9] in inodes}

    def begin_session(self) -> tuple[http.client.HTTPConnection, ElementTree.Element]:
        """Begin a BOSH session; return its connection and the first answer."""
        attributes = f"{_BOSH} {_VERSION} to='localhost' ver='1.6' wait='60' hold='1'"
        connection = http.client.HTTPConnection(HOST, self.page_port, timeout=_PATIENCE)
        connection.request("POST", "/http-bind", f"<body {attributes} rid='1'/>")
        return connection, ElementTree.fromstring(connection.getresponse().read())

    def begin_hold(self) -> http.client.HTTPConnection:
        """Begin a session, and make a request that is held; the answer is still to be read."""
        connection, answer = self.begin_session()
        poll = f"<body {_BOSH} rid='2' sid='{answer.attrib['sid']}'/>"
        connection.request("POST", "/http-bind", poll)
        return connection

    async def log_in_over_tcp(self, name: str) -> None:
        """Log in as one of the users, with STARTTLS, and trust the demo's certificate alone."""
        port = int(self.ready["xmpp"].rpartition(":")[2])
        user = SlixmppUser(f"{name}@localhost", self.ready["users"][name])
        await user.log_in(Port(port, False, self.ready["certificate"]))
        await user.leave()

    def mechanisms(self) -> set[str]:
        """The SASL mechanisms that a new session is offered."""
        connection, offer = self.begin_session()
        connection.close()
        return {each.text or "" for each in offer.iter(f"{{{_SASL}}}mechanism")}

    async def end(self, number: signal.Signals) -> int:
        """Send a signal, and wait for the end of all processes. The exit status."""
        watched = [os.pidfd_open(pid) for pid in self.processes()]
        self.process.signal(number)
        status = await self.process.ended
        for each in watched:
            if not select.select([each], [], [], _PATIENCE)[0]:
                raise AssertionError("a process has outlived the demo")
            os.close(each)
        return status


def all_command_lines() -> bytes:
    """Return the command lines of all processes, which ps shows to everybody."""
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        with contextlib.suppress(OSError):  # it has just ended
            found.append(Path("/proc", pid, "cmdline").read_bytes())
    return b"\n".join(found)


def _about(pid: str) -> bytes:
    try:
        return b"".join(Path("/proc", pid, name).read_bytes() for name in ("cmdline", "environ"))
    except OSError:  # it has just ended, or is another user's
        return b""


def _socket_inodes(pid: int) -> Iterator[str]:
    for name in open_files(pid):
        found = re.fullmatch(r"socket:\[([0-9]+)\]", name)
        if found:
            yield found[1]


class RunTest(TestCase):
    def setUp(self) -> None:
        self.parent = Path(self.enterContext(TemporaryDirectory()))

    def demo(self, name: str, *options: str) -> Demo:
        return Demo(self, self.parent / name, *options)

    async def test_two_side_by_side_and_the_end_of_each(self) -> None:
        users = "carol:correct:horse,dave:battery-staple"
        first, second = self.demo("first", f"--users={users}"), self.demo("second")
        await gatherResults([first.is_up(), second.is_up()])

        self.assertEqual(first.ready["users"], {"carol": "correct:horse", "dave": "battery-staple"})
        self.assertEqual(first.ready["domain"], "localhost")
        self.assertEqual(second.ready["users"], {"alice": "secret", "bob": "secret"})
        for key in ("websocket", "bosh", "xmpp", "page", "link", "dir", "logs"):
            self.assertNotEqual(first.ready[key], second.ready[key])
        for demo in (first, second):
            self.assertLess(set(demo.ready["pids"].values()), set(demo.processes()))
            self.assertEqual(demo.listening(), {_LOOPBACK})
            self.assertEqual(demo.open_to_others(), [])
        self.assertEqual(first.ejabberdctl("registered_users", "localhost"), "carol\ndave\n")
        shown = all_command_lines()
        self.assertIn(b"--users=" + b"x" * len(users), shown)
        for secret in first.secrets():
            self.assertNotIn(secret.encode(), shown)
            self.assertNotIn(",".join(map(str, secret.encode())).encode(), shown)

        self.assertLess({"PLAIN", "SCRAM-SHA-1"}, second.mechanisms())
        run(first.log_in_over_tcp("carol"))

        held = self.enterContext(contextlib.closing(first.begin_hold()))
        first.mechanisms()  # is asked for later, so that the other is held by now
        self.assertEqual(await first.end(signal.SIGTERM), 0)
        # Its session is asked to answer now, and may just do so before ECM answers by itself.
        self.assertIn(held.getresponse().status, (200, 503), "ECM has not ended by itself")
        self.assertEqual(first.processes(), [])
        self.assertFalse(first.ready_file.exists())
        self.assertTrue(serves(second.page_port))

        await second.end(signal.SIGKILL)
        self.assertEqual(second.processes(), [])

    async def test_what_dies_comes_back_in_its_place(self) -> None:
        demo = self.demo("demo")
        await demo.is_up()
        for name, said in (("ejabberd", "ejabberd"), ("ecm", "ECM")):
            before = demo.ready
            os.kill(before["pids"][name], signal.SIGKILL)
            await demo.process.printed(f"{said} was killed by SIGKILL")
            await demo.process.printed(f"{said} is up again")
            after = demo.ready
            self.assertNotEqual(after["pids"].pop(name), before["pids"].pop(name))
            self.assertEqual(after, before)
            self.assertTrue(serves(demo.page_port))

    async def test_kept_folder_is_used_again_and_by_one_demo_at_a_time(self) -> None:
        first = self.demo("demo")
        await first.is_up()
        first.ejabberdctl("register", "dave", "localhost", "secret")
        certificate = Path(first.ready["certificate"]).read_text()

        second = self.demo("demo")
        self.assertEqual(await second.process.ended, 1)
        self.assertRegex(
            second.process.output, r"\Aecm-demo: \S+ is in use by another ecm-demo\n\Z"
        )
        self.assertTrue(first.ready_file.exists(), "the second has removed the first one's file")

        self.assertEqual(await first.end(signal.SIGINT), 0)
        again = self.demo("demo", "--users", "alice:changed")
        await again.is_up()
        self.assertEqual(
            again.ejabberdctl("registered_users", "localhost").split(), ["alice", "bob", "dave"]
        )
        again.ejabberdctl("check_password", "alice", "localhost", "changed")
        self.assertEqual(Path(again.ready["certificate"]).read_text(), certificate)
        self.assertEqual(again.open_to_others(), [])


class RefusalTest(TestCase):
    """One line, status 1, and nothing left."""

    def setUp(self) -> None:
        self.folder = Path(self.enterContext(TemporaryDirectory()))

    def refusal(self, *options: str, **environment: str) -> str:
        demo = subprocess.run(
            [script("ecm-demo"), *options],
            env=os.environ | {"TMPDIR": str(self.folder)} | environment,
            capture_output=True,
            text=True,
            timeout=_PATIENCE,
        )
        self.assertEqual((demo.returncode, demo.stdout), (1, ""))
        self.assertRegex(demo.stderr, r"\Aecm-demo: [^\n]+\n\Z")
        return demo.stderr

    def test_busy_port(self) -> None:
        with socket.create_server((HOST, 0)) as server:
            port = server.getsockname()[1]
            self.assertIn(f"port {port} ", self.refusal("--http", str(port)))
        self.assertEqual(list(self.folder.iterdir()), [])

    def test_missing_package(self) -> None:
        self.assertRegex(
            self.refusal(PATH=str(self.folder), ECM_EJABBERD=""), "erl is missing.*apt-get install"
        )
        self.assertEqual(list(self.folder.iterdir()), [])

    def test_folder_that_cannot_be_made(self) -> None:
        (self.folder / "file").write_text("")
        self.assertIn("Not a directory", self.refusal("--dir", str(self.folder / "file" / "demo")))

    def test_no_folder_for_the_ready_file(self) -> None:
        missing = self.folder / "missing"
        self.assertIn(str(missing), self.refusal("--ready-file", str(missing / "ready.json")))
