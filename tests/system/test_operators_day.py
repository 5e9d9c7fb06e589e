"""A day of an operator: a check, a start, mistakes, reloads, certificates, an outage, a drain.

A hundred users chat meanwhile. What a person does here is a command of the manual; whether it was
right is seen where an operator looks: exit statuses, ``ecmctl``, metrics, the port of clients.
"""

import json
import signal
import ssl
from collections.abc import Callable
from typing import Any

import treq
from twisted.internet import reactor
from twisted.internet.task import deferLater
from twisted.internet.threads import deferToThread

from bench.faults.crowd import Crowd
from bench.faults.messages import Task
from ecm.tools.ports import free_port
from testkit.certificates import Authority
from testkit.ecm_process import temporary_folder
from testkit.own_ejabberd import OwnEjabberd
from testkit.process import script, start
from testkit.told_case import TestCase

USERS = 100
MESSAGES_A_SECOND = 50

_LOOK = 0.1  # seconds between two looks


class OperatorsDayTests(TestCase):
    timeout = 100

    async def test_a_day(self) -> None:
        self.prepare()
        await self.it_is_checked_and_starts()
        await self.users_come_and_chat()
        await self.speech()
        await self.a_mistake_changes_nothing()
        await self.an_option_changes_and_nobody_notices()
        await self.a_certificate_is_new_and_nobody_notices()
        await self.a_worker_is_replaced_and_nobody_notices()
        await self.speech()
        await self.all_was_well_for_users()
        await self.ejabberd_stops_and_everybody_sees_it()
        await self.it_drains()
        await self.it_ends()

    # What is there in the morning.

    def prepare(self) -> None:
        self.folder = temporary_folder(self)
        self.port, self.tls_port = free_port(), free_port()
        self.socket = self.folder / "admin.sock"
        self.certificates = self.folder / "certificates"
        self.certificates.mkdir()
        self.issue_certificate()
        self.config = self.folder / "ecm.toml"
        names = (f"user{number}" for number in range(USERS))
        self.ejabberd = OwnEjabberd.start(self, *names)
        self.write_config()

    def issue_certificate(self) -> None:
        self.authority = Authority.root()
        certificate, key = self.authority.sign("chat.example")
        self.certificates.joinpath("chat.pem").write_bytes(certificate + key)

    def write_config(self, **more: Any) -> None:
        options = {
            "listen": [
                f"tcp:{self.port}:interface=127.0.0.1",
                f"tls:{self.certificates}:port={self.tls_port}:interface=127.0.0.1",
            ],
            "upstream": [f"tcp:127.0.0.1:{self.ejabberd.link_port}"],
            "admin": f"unix:{self.socket}",
            "workers": 2,
            "drain-timeout": 5,
            **more,
        }
        lines = [f"{name} = {json.dumps(value)}" for name, value in options.items()]
        self.config.write_text("\n".join(lines) + "\n")

    # What an operator does, and sees.

    async def command(self, status: int, name: str, *arguments: str) -> str:
        """Run a command, which ends with this status; return what it prints."""
        process = start(self, script(name), *arguments)
        self.assertEqual(await process.ended, status, process.output)
        return process.output

    async def ecmctl(self, *arguments: str, status: int = 0) -> str:
        return await self.command(status, "ecmctl", "--admin", f"unix:{self.socket}", *arguments)

    async def told(self) -> Any:
        """Return what ECM tells of itself."""
        return json.loads(await self.ecmctl("status", "--json"))

    async def pids(self) -> list[int]:
        """Return the process IDs of the workers."""
        return [each["pid"] for each in (await self.told())["processes"]]

    async def public_status(self) -> int:
        """Return the status that a health check gets on the port of clients."""
        url = f"http://127.0.0.1:{self.port}/http-bind"
        response = await treq.get(url, persistent=False)
        await response.content()
        code: int = response.code
        return code

    async def until_ready(self, expected: bool) -> str:
        """Wait until ECM says that it is ready, or is not; return what it says."""
        while True:
            text = await self.any_command("ecmctl", "--admin", f"unix:{self.socket}", "ready")
            if (text == "ready\n") is expected:
                return text
            await deferLater(reactor, _LOOK)

    async def any_command(self, name: str, *arguments: str) -> str:
        process = start(self, script(name), *arguments)
        await process.ended
        return process.output

    async def served_certificate(self) -> bytes:
        """Return the certificate that new clients get."""

        def fetch() -> bytes:
            address = ("127.0.0.1", self.tls_port)
            return ssl.get_server_certificate(address).encode()

        return await deferToThread(fetch)

    def written_certificate(self) -> bytes:
        text = self.certificates.joinpath("chat.pem").read_text()
        return text[: text.index("-----END CERTIFICATE-----")].encode()

    # The day.

    async def it_is_checked_and_starts(self) -> None:
        checked = await self.command(
            0, "twistd", "-n", "--pidfile=", "ecm", "--config", str(self.config), "--check"
        )
        self.assertIn("ok", checked)
        command = ("-n", "--pidfile=", "ecm", "--config", str(self.config))
        self.ecm = start(self, script("twistd"), *command)
        await self.ecm.printed("serves BOSH on")
        await self.until_ready(True)
        self.assertEqual(await self.public_status(), 200)
        self.assertTrue((await self.served_certificate()).startswith(self.written_certificate()))

    async def users_come_and_chat(self) -> None:
        self.crowd = self.enterContext(Crowd(Task(USERS, self.port)))
        self.crowd.tell("log_in", first=0, count=USERS)
        await self.until(lambda: self.crowd.last.online == USERS)
        self.crowd.tell("talk", talkers=USERS, rate=MESSAGES_A_SECOND)

    async def until(self, done: Callable[[], bool]) -> None:
        while not done():
            await deferLater(reactor, _LOOK)

    async def speech(self) -> None:
        """Wait until users have reported twice."""
        reports = self.crowd.reports + 2
        await self.until(lambda: self.crowd.reports >= reports)

    async def a_mistake_changes_nothing(self) -> None:
        before = await self.pids()
        self.write_config(**{"max-bdy": 1000})
        said = await self.ecmctl("reload", status=1)
        self.assertIn("ecm.toml:", said)
        self.assertIn("max-body", said)
        self.assertEqual(await self.pids(), before)
        await self.until_ready(True)

    async def an_option_changes_and_nobody_notices(self) -> None:
        before = await self.pids()
        self.write_config(**{"max-body": 200_000})
        await self.ecmctl("reload")
        while {*before} & {*await self.pids()}:
            await deferLater(reactor, _LOOK)
        self.assertIn("200000", await self.option_in_force("max-body"))

    async def option_in_force(self, name: str) -> str:
        (found,) = [each for each in (await self.told())["options"] if each["name"] == name]
        return " ".join(found["texts"])

    async def a_certificate_is_new_and_nobody_notices(self) -> None:
        before = await self.pids()
        self.issue_certificate()
        self.ecm.signal(signal.SIGHUP)
        while not (await self.served_certificate()).startswith(self.written_certificate()):
            await deferLater(reactor, _LOOK)
        self.assertEqual(await self.pids(), before)

    async def a_worker_is_replaced_and_nobody_notices(self) -> None:
        (before,) = [
            each["pid"] for each in (await self.told())["processes"] if each["number"] == 1
        ]
        await self.ecmctl("restart", "1")
        while before in {each["pid"] for each in (await self.told())["processes"]}:
            await deferLater(reactor, _LOOK)

    async def all_was_well_for_users(self) -> None:
        """Nobody has met an error, and no message is lost."""
        self.crowd.tell("hush")
        await self.speech()
        await self.until(lambda: not (self.crowd.last.missing or self.crowd.last.troubled))
        self.crowd.tell("collect")
        await self.speech()
        await self.until(lambda: not self.crowd.last.logging_in)
        result = await deferToThread(self.crowd.result)
        self.assertEqual((result["users_with_errors"], result["sessions_lost"]), (0, {}), result)
        self.assertEqual({*result["losses"].values()}, {0}, result)
        self.assertGreater(result["messages"], MESSAGES_A_SECOND)
        print("silence of users (s): p50 {}, p99 {}, max {}".format(*result["silence"]))

    async def ejabberd_stops_and_everybody_sees_it(self) -> None:
        await self.ejabberd.control("stop")
        said = await self.until_ready(False)
        self.assertIn("link", said)
        while await self.public_status() != 503:
            await deferLater(reactor, _LOOK)
        #        self.assertRegex(await self.ecmctl("metrics"), r"(?m)^ecm_link_up\b.* 0(\.0)?$")
        self.ejabberd.start_again()
        await self.until_ready(True)
        self.assertEqual(await self.public_status(), 200)

    async def it_drains(self) -> None:
        await self.ecmctl("drain", "5s")
        self.assertIn("drain", await self.until_ready(False))
        while await self.public_status() != 503:  # each worker is told
            await deferLater(reactor, _LOOK)
        await self.ecmctl("undrain")
        await self.until_ready(True)

    async def it_ends(self) -> None:
        self.assertEqual(await self.ecm.stop(), -signal.SIGTERM)
        self.assertNotIn("Traceback", self.ecm.output)
        await self.ecmctl("status", status=3)
