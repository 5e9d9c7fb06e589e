"""``twistd ecm`` as a process: start, service, stop."""

import socket

from treq import content, get
from twisted.trial.unittest import TestCase

from testkit.ecm_process import EcmTestCase, Ejabberd, start_ecm, temporary_folder
from testkit.process import script, start


class StartTests(TestCase):
    async def test_version(self) -> None:
        ecm = start_ecm(self, "--version")
        self.assertEqual(await ecm.ended, 0)
        self.assertRegex(ecm.output, r"\Aecm [0-9]+\.[0-9]+\.[0-9]+\n\Z")

    async def test_help_names_every_option(self) -> None:
        ecm = start_ecm(self, "--help")
        self.assertEqual(await ecm.ended, 0)
        for option in ("listen", "upstream", "path", "www", "max-packet", "version"):
            self.assertIn(f"--{option}", ecm.output)

    async def test_a_bad_endpoint_is_one_line_and_status_1(self) -> None:
        ecm = start_ecm(self, "--listen", "nonsense:1")
        self.assertEqual(await ecm.ended, 1)
        self.assertRegex(ecm.output, r"\Atwistd ecm: --listen nonsense:1: not an endpoint .*\n\Z")

    async def test_a_busy_port_is_one_line_and_status_1(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as busy:
            endpoint = f"tcp:{busy.getsockname()[1]}:interface=127.0.0.1"
            ecm = start_ecm(self, "--listen", endpoint)
            self.assertEqual(await ecm.ended, 1)
        self.assertRegex(ecm.output, r"twistd ecm: Couldn't listen on 127\.0\.0\.1:[0-9]+: .*use")
        self.assertNotIn("Traceback", ecm.output)

    async def test_a_daemon_on_a_busy_port_says_so_and_status_1(self) -> None:
        log = temporary_folder(self) / "twistd.log"
        with socket.create_server(("127.0.0.1", 0)) as busy:
            listen = f"tcp:{busy.getsockname()[1]}:interface=127.0.0.1"
            twistd = ("--pidfile=", f"--logfile={log}", "ecm", "--listen", listen)
            ecm = start(self, script("twistd"), *twistd)
            self.assertEqual(await ecm.ended, 1)
        self.assertIn("Couldn't listen on", ecm.output)


class RunTests(EcmTestCase):
    async def test_requests_go_over_the_link_and_back(self) -> None:
        ejabberd = await Ejabberd.start(self)
        ecm = await self.start("--upstream", ejabberd.endpoint, "--path", "/chat")
        self.assertIn("the link has no secret: whoever listens at tcp:127.0.0.1:", ecm.output)
        await ecm.printed("link up")
        for path in ("/chat", "/chat/"):
            self.assertEqual(await self.post(path, b"<body/>"), (200, b"<body/>"))
        self.assertEqual((await self.post("/http-bind", b"<body/>"))[0], 404)
        ejabberd.hang_up()
        await ecm.printed("link down")

    async def test_the_paths_are_those_of_other_servers(self) -> None:
        ejabberd = await Ejabberd.start(self)
        await self.start("--upstream", ejabberd.endpoint)
        for path in ("/http-bind", "/http-bind/", "/bosh", "/bosh/"):
            self.assertEqual(await self.post(path, b"<body/>"), (200, b"<body/>"))
        for path in ("/ws", "/xmpp-websocket", "/websocket", "/websocket/"):
            self.assertEqual((await self.post(path, b"<body/>"))[0], 405)
        self.assertEqual((await self.post("/other", b"<body/>"))[0], 404)

    async def test_without_ejabberd_clients_are_asked_to_try_again(self) -> None:
        upstream = ("--upstream", f"unix:{temporary_folder(self)}/no-socket")
        ecm = await self.start(*upstream, "--queue-timeout", "1")
        self.assertEqual((await self.post("/bosh/", b"<body/>"))[0], 503)
        await ecm.printed("no link to ejabberd at unix:")

    async def test_files_are_served_beside_bosh(self) -> None:
        folder = temporary_folder(self)
        (folder / "index.html").write_text("page")
        await self.start("--upstream", "tcp:127.0.0.1:1", "--www", str(folder))
        response = await get(f"{self.url}/", persistent=False)
        self.assertEqual((response.code, await content(response)), (200, b"page"))
