"""``ecmctl`` as a process, and a running ECM."""

import json
import os
import re
from pathlib import Path
from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import TCP4ServerEndpoint
from twisted.internet.task import deferLater
from twisted.internet.utils import getProcessOutputAndValue
from twisted.web.resource import Resource
from twisted.web.server import Request, Site

from ecm.tools.ports import free_port
from testkit.ecm_process import EcmTestCase, temporary_folder
from testkit.process import script
from testkit.workers_case import QUICK, Links


class Page(Resource):
    """Another server's."""

    isLeaf = True

    def render_GET(self, request: Request) -> bytes:
        return b"<html/>"


class RunTests(EcmTestCase):
    timeout = 60
    socket = Path("/nosuch")

    async def begin(self, *more: str) -> None:
        """Start an ECM with two workers and a link for each."""
        self.links = await Links.start(self)
        self.socket = temporary_folder(self) / "admin.sock"
        await self.start(
            *("--workers", "2", "--upstream", self.links.endpoint, *QUICK),
            *("--admin", f"unix:{self.socket}:mode=600", *more),
        )
        await self.links.until(greeted=2)

    async def ctl(self, *arguments: str, admin: str = "") -> tuple[int, str, str]:
        """Return the exit status, and what is printed on stdout and stderr."""
        environment = {**os.environ, "ECM_ADMIN": admin or f"unix:{self.socket}"}
        out, err, status = await getProcessOutputAndValue(
            script("ecmctl"), arguments, env=environment
        )
        return status, out.decode(), err.decode()

    async def test_an_operator_looks(self) -> None:
        await self.begin()
        while (await self.ctl("ready", "--all"))[0]:
            pass
        self.assertEqual(await self.ctl("ready"), (0, "ready\n", ""))
        status, text, _ = await self.ctl("status")
        self.assertEqual(status, 0)
        self.assertRegex(text, r"\AECM \S+: ready\n\nworker  pid ")
        self.assertEqual(len(re.findall(r"^[12] +\d+ +\d+ +serves ", text, re.M)), 2)
        self.assertEqual(len(re.findall(r"^[12] .* writable +typed ", text, re.M)), 2)
        told = json.loads((await self.ctl("status", "--json"))[1])
        self.assertTrue(told["ready"])

    async def test_an_operator_looks_over_ipv6(self) -> None:
        admin = rf"tcp6:{free_port()}:interface=\:\:1"
        await self.begin("--admin", admin)
        status, text, err = await self.ctl("status", admin=admin)
        self.assertEqual((status, err), (0, ""))
        self.assertRegex(text, r"\AECM \S+: ")

    async def test_an_operator_gives_orders(self) -> None:
        await self.begin()
        status, text, _ = await self.ctl("drain", "10m")
        self.assertEqual((status, "within 600 s" in text), (0, True))
        status, text, _ = await self.ctl("ready")
        self.assertEqual((status, text), (1, "draining\n"))
        self.assertEqual((await self.ctl("undrain"))[0], 0)
        self.assertEqual((await self.ctl("log", "debug", "--for", "1m"))[0], 0)
        self.assertEqual((await self.ctl("restart", "1"))[0], 0)
        refused = await self.ctl("restart", "9")
        self.assertEqual((refused[0], refused[1]), (1, ""))
        self.assertRegex(refused[2], r"\Aecmctl: there is no worker 9, .*\n\Z")

    async def test_an_operator_looks_at_one_client(self) -> None:
        await self.begin()
        tracing = Deferred.fromCoroutine(self.ctl("trace", "127.0.0.1", "--for", "3"))
        self.links.answers = True
        while not tracing.called:
            self.assertEqual(await self.post("/bosh", b"secret"), (200, b"secret"))
            await deferLater(reactor, 0.1)
        status, text, _ = await tracing
        self.assertEqual(status, 0)
        line = r"\d\d:\d\d:\d\d\.\d{3}  POST /bosh  6 B  200  \d+ B  after 0\.\d{3} s\n"
        self.assertRegex(text, rf"\A({line})+\Z")
        self.assertEqual((await self.ctl("trace", "chat.example"))[0], 1)
        status, text, _ = await self.ctl("user", "127.0.0.1")
        self.assertEqual(status, 0)
        self.assertEqual(text, "127.0.0.1: 0 sessions of ejabberd, 0 connections here\n")
        self.assertEqual((await self.ctl("user", ""))[0], 1)

    async def test_what_cannot_be_reached_is_said_in_one_line(self) -> None:
        folder = temporary_folder(self)
        (folder / "file").touch()
        for admin, why in (
            (f"unix:{folder}/none", "there is no such socket"),
            (f"unix:{folder}/file", "nobody listens there"),
            ("tcp:127.0.0.1:1", "nobody listens there"),
        ):
            status, out, err = await self.ctl("status", admin=admin)
            self.assertEqual((status, out), (3, ""))
            self.assertRegex(err, rf"\Aecmctl: {admin}: {why}.*\n\Z")
            self.assertEqual((await self.ctl("ready", admin=admin))[0], 1)

    async def test_another_server_is_not_taken_for_an_ecm(self) -> None:
        endpoint = TCP4ServerEndpoint(reactor, 0, interface="127.0.0.1")
        port: Any = await endpoint.listen(Site(Page()))
        self.addCleanup(port.stopListening)
        status, _, err = await self.ctl("status", admin=f"tcp:127.0.0.1:{port.getHost().port}")
        self.assertEqual(status, 3)
        self.assertRegex(
            err, r"\Aecmctl: tcp:127.*: the reply is not one of an ECM of this version\n\Z"
        )

    async def test_a_reader_may_have_enough(self) -> None:
        await self.begin()
        command = f"{script('ecmctl')} status --json --watch 1 | head -c 1"
        environment = {**os.environ, "ECM_ADMIN": f"unix:{self.socket}"}
        out, err, status = await getProcessOutputAndValue(
            "/bin/sh", ["-c", command], env=environment
        )
        self.assertEqual((out, err, status), (b"{", b"", 0))

    async def test_options_are_checked_without_an_ecm(self) -> None:
        status, out, _ = await self.ctl("check", "--check-offline", "--listen", "tcp:0")
        self.assertEqual(status, 0, out)
        named = ("--config", "/etc/ecm/ecm.toml")
        offline = await self.ctl("check", "--check-offline")
        self.assertEqual(offline, await self.ctl("check", "--check-offline", *named))
        status, out, err = await self.ctl("check", "--max-body", "x")
        self.assertEqual(status, 1)
        self.assertIn("--max-body", out + err)
