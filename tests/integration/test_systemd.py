"""ECM under systemd: the units of deploy/, and socket activation, which outlives a restart."""

import re
import shutil
import signal
import socket
import subprocess
import tomllib
from collections.abc import Mapping
from configparser import RawConfigParser
from unittest import SkipTest

from twisted.internet import reactor
from twisted.internet.endpoints import TCP4ClientEndpoint, connectProtocol
from twisted.internet.task import deferLater
from twisted.trial.unittest import TestCase

from ecm.config.command_line import GROUPS
from ecm.limits import CLOSE_TIMEOUT, DRAIN_TIMEOUT, LAST_DRAIN_TIMEOUT
from testkit.ecm_process import Ejabberd, temporary_folder
from testkit.paths import CHECKOUT
from testkit.process import PIPES, Process, script, start
from testkit.raw_client import RawClient

DEPLOY = CHECKOUT / "deploy"
LISTENER = DEPLOY.parent / "erlang_stub" / "mod_ecm" / "conf" / "mod_ecm.yml"
CONFIG = DEPLOY / "ecm.toml"
CONFIGURED = "--config /etc/ecm/ecm.toml"
ADMIN = "unix:/run/ecm/admin.sock"
TWISTD = "/opt/megaphone/bin/twistd"
UPSTREAM = "tcp:127.0.0.1:5290"

REQUEST = b"POST /bosh HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 7\r\n\r\n<body/>"

# How systemd tells a process of its sockets, file descriptors from 3 on (sd_listen_fds(3)).
HANDED_OVER = {"LISTEN_FDS": "1", "LISTEN_FDNAMES": "ecm.socket"}


def settings(unit: str, section: str) -> dict[str, str]:
    """Return the settings of a section; the last one of each name counts."""
    parser = RawConfigParser(strict=False)
    parser.read_string((DEPLOY / unit).read_text().replace("\\\n", " "))
    return dict(parser[section])


class Told:
    """The socket on which systemd is told of its services."""

    def __init__(self, address: str) -> None:
        self.address = address
        self._end = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._end.bind(address)
        self._end.setblocking(False)

    async def next(self) -> list[str]:
        """Return the states of the next message."""
        while True:
            try:
                return self._end.recv(4096).decode().split("\n")
            except BlockingIOError:
                await deferLater(reactor, 0.01)

    def close(self) -> None:
        self._end.close()


class UnitTests(TestCase):
    def test_systemd_finds_nothing_wrong_with_the_units(self) -> None:
        if shutil.which("systemd-analyze") is None:
            raise SkipTest("systemd-analyze is missing: apt-get install systemd")
        folder = temporary_folder(self)
        for unit in DEPLOY.glob("ecm.s*"):
            text = unit.read_text().replace(TWISTD, script("twistd"))
            (folder / unit.name).write_text(text)
        dropped_in = folder / "ecm.service.d"
        dropped_in.mkdir()
        shutil.copy(DEPLOY / "unix-socket.conf", dropped_in)
        checked = subprocess.run(
            ["systemd-analyze", "--man=no", "verify", *sorted(folder.glob("ecm.*[!d]"))],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self.assertEqual((checked.returncode, checked.stdout), (0, ""))

    def test_ecm_is_given_the_secret_that_mod_ecm_has_made(self) -> None:
        given = settings("ecm.service", "Service")["loadcredential"]
        name, _, file = given.partition(":")
        given = f"/run/credentials/ecm.service/{name}"
        self.assertEqual(tomllib.loads(CONFIG.read_text())["link-secret-file"], given)
        self.assertIn(f'secret_file: "{file}"', LISTENER.read_text())

    def test_the_file_of_options_is_at_its_place(self) -> None:
        self.assertIn(CONFIGURED, settings("ecm.service", "Service")["execstart"])

    def test_systemd_says_that_it_is_secure(self) -> None:
        """At most 1.5 of 10. What is missing is what ECM needs: the network, and files of /proc."""
        if shutil.which("systemd-analyze") is None:
            raise SkipTest("systemd-analyze is missing: apt-get install systemd")
        checked = subprocess.run(
            ["systemd-analyze", "security", "--offline=true", "--threshold=15"]
            + [str(DEPLOY / "ecm.service")],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self.assertEqual(checked.returncode, 0, checked.stdout)

    def test_operators_connect_where_the_service_has_its_folder(self) -> None:
        unit = settings("ecm.service", "Service")
        self.assertIn(f"{ADMIN}:mode=660", unit["execstart"])
        self.assertIn(f"/run/{unit['runtimedirectory']}/", ADMIN)

    def test_what_stands_there_in_comments_are_options_too(self) -> None:
        examples = re.sub(
            r"^# (?=[a-z-]+ = |    \"|\])", "", CONFIG.read_text(), flags=re.MULTILINE
        )
        examples = examples.replace("listen = [", "# listen = [", 1)
        options = {option.name: option for _, group in GROUPS for option in group}
        found = tomllib.loads(examples)
        self.assertLess({"stream", "trusted-proxy", "host-meta"}, set(found))
        for name, value in found.items():
            option = options[name]
            for text in value if option.collect else [value]:
                option.read(str(text))

    def test_ecm_leaves_no_core_dump(self) -> None:
        self.assertEqual(settings("ecm.service", "Service")["limitcore"], "0")

    def test_ecm_has_the_time_to_drain(self) -> None:
        seconds = int(settings("ecm.service", "Service")["timeoutstopsec"])
        # To close connections after each round, and the link.
        self.assertGreater(seconds, DRAIN_TIMEOUT + LAST_DRAIN_TIMEOUT + 3 * CLOSE_TIMEOUT)


class SocketTests(TestCase):
    """The command of ecm.service, with a socket as ecm.socket opens it."""

    # Further variables for ECM.
    environment: Mapping[str, str] = {}

    def setUp(self) -> None:
        self.listening = socket.socket(socket.AF_INET6)
        self.addCleanup(self.listening.close)
        self.listening.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        self.listening.bind(("::ffff:127.0.0.1", 0))
        self.listening.listen(int(settings("ecm.socket", "Socket")["backlog"]))
        self.port = self.listening.getsockname()[1]

    async def start(self) -> Process:
        """Start ECM as systemd does, and wait until it serves and has its link."""
        command = settings("ecm.service", "Service")["execstart"]
        config = temporary_folder(self) / "ecm.toml"
        config.write_text(self.config())
        for name, here in {
            TWISTD: script("twistd"),
            CONFIGURED: f"--config {config}",
            ADMIN: f"unix:{config.parent}/admin.sock",
        }.items():
            command = command.replace(name, here)
        ecm = start(
            self,
            *("/bin/sh", "-c", f"LISTEN_PID=$$ exec {command}"),
            environment={**HANDED_OVER, **self.environment},
            files={**PIPES, 3: self.listening.fileno()},
        )
        await ecm.printed("serves BOSH on")
        await ecm.printed("link up")
        return ecm

    def config(self) -> str:
        """Return ecm.toml with another upstream, without a secret, and with one worker."""
        text = CONFIG.read_text()
        for line, here in {
            f'upstream = ["{UPSTREAM}"]': f'upstream = ["{self.ejabberd.endpoint}"]',
            'workers = "auto"': "workers = 1",
            'link-secret-file = "/run/credentials/ecm.service/link-secret"': "",
        }.items():
            self.assertIn(line, text)
            text = text.replace(line, here)
        return text

    async def connect(self) -> RawClient:
        endpoint = TCP4ClientEndpoint(reactor, "127.0.0.1", self.port)
        client: RawClient = await connectProtocol(endpoint, RawClient(REQUEST))
        return client

    async def test_ecm_takes_the_port_that_is_handed_over(self) -> None:
        self.ejabberd = await Ejabberd.start(self)
        await self.start()
        answer = await (await self.connect()).closed
        self.assertTrue(answer.startswith(b"HTTP/1.1 200 OK\r\n"), answer)

    async def test_systemd_hears_that_it_is_ready_and_lives_and_stops(self) -> None:
        self.ejabberd = await Ejabberd.start(self)
        told = Told(str(temporary_folder(self) / "notify"))
        self.addCleanup(told.close)
        self.environment = {"NOTIFY_SOCKET": told.address, "WATCHDOG_USEC": "3000000"}
        ecm = await self.start()
        self.assertEqual((await told.next())[:2], ["READY=1", "STATUS=0 connections, 1 of 1 links"])
        self.assertEqual([await told.next(), await told.next()], [["WATCHDOG=1"]] * 2)
        ecm.signal(signal.SIGTERM)
        while (last := await told.next()) == ["WATCHDOG=1"]:
            pass
        self.assertEqual(last, ["STOPPING=1", "EXTEND_TIMEOUT_USEC=29500000"])
        await ecm.ended

    async def test_nobody_is_refused_while_it_restarts(self) -> None:
        self.ejabberd = await Ejabberd.start(self)
        first = await self.start()
        self.ejabberd.holds = True
        asked = await self.connect()
        await self.ejabberd.asked
        first.signal(signal.SIGTERM)
        await first.printed("stopping: ")
        self.ejabberd.holds = False
        while_it_drains = [await self.connect() for _ in range(20)]
        self.assertTrue((await asked.closed).endswith(b"<body/>"))
        self.assertEqual(await first.ended, -signal.SIGTERM)
        while_there_is_none = [await self.connect() for _ in range(20)]
        self.ejabberd.holds = False
        await self.start()
        for waiting in (*while_it_drains, *while_there_is_none):
            answer = await waiting.closed
            self.assertTrue(answer.startswith(b"HTTP/1.1 200 OK\r\n"), answer)
