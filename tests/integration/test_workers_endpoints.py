"""Workers behind each kind of endpoint, and as a daemon that has dropped its privileges."""

import os
import pwd
import signal
import socket
import ssl
from contextlib import ExitStack
from pathlib import Path
from unittest import SkipTest

from twisted.internet import reactor
from twisted.internet.endpoints import UNIXClientEndpoint, clientFromString, connectProtocol
from twisted.internet.interfaces import IStreamClientEndpoint
from twisted.internet.task import deferLater
from twisted.internet.threads import deferToThread
from twisted.trial.unittest import TestCase

from testkit.certificates import make_certificate
from testkit.ecm_process import temporary_folder
from testkit.process import PIPES, Process, parent, script, start
from testkit.raw_client import RawClient
from testkit.workers_case import POST, Links

REQUEST = POST % (7, b"<body/>")


class EndpointsTestCase(TestCase):
    async def start_ecm(self, *arguments: str, twistd: tuple[str, ...] = ("-n",)) -> Process:
        """Start ECM with two workers, and the ports that the arguments name.

        Each has three connections to itself, as long as it has little to do.
        """
        self.links = await Links.start(self)
        self.links.answers = True
        workers = ("--workers", "2", "--max-connections", "24")
        ecm = ("ecm", *workers, "--upstream", self.links.endpoint, *arguments)
        return start(self, script("twistd"), "--pidfile=", *twistd, *ecm)

    async def answered(self, endpoint: IStreamClientEndpoint, before: bytes = b"") -> None:
        """Ask while more and more are silent, often enough to reach both workers."""
        for _ in range(8):
            silent: RawClient = await connectProtocol(endpoint, RawClient(b""))
            self.addCleanup(silent.transport.abortConnection)
            client: RawClient = await connectProtocol(endpoint, RawClient(before + REQUEST))
            answer = await client.closed
            self.assertTrue(answer.startswith(b"HTTP/1.1 200 OK\r\n"), answer)

    async def port_of(self, ecm: Process) -> int:
        port = int((await ecm.printed(r"starting on ([0-9]+)"))[1])
        await self.links.until(greeted=2)
        return port


class EndpointTests(EndpointsTestCase):
    async def test_ipv6_and_an_interface(self) -> None:
        if not Path("/proc/net/if_inet6").exists():
            raise SkipTest("there is no IPv6 here")
        ecm = await self.start_ecm("--listen", r"tcp:0:interface=\:\:1")
        port = await self.port_of(ecm)
        await self.answered(clientFromString(reactor, rf"tcp:\:\:1:{port}"))

    async def test_stdin_stdout_and_stderr_may_be_closed(self) -> None:
        self.links = await Links.start(self)
        self.links.answers = True
        path = temporary_folder(self) / "ecm.sock"
        ecm = ("ecm", "--workers", "2", "--max-connections", "24", "--listen", f"unix:{path}")
        twistd = (script("twistd"), "-n", "--pidfile=", *ecm, "--upstream", self.links.endpoint)
        start(self, "/bin/sh", "-c", 'exec "$@" <&- >&- 2>&-', "sh", *twistd)
        await self.links.until(greeted=2)
        await self.answered(UNIXClientEndpoint(reactor, str(path)))

    async def test_a_unix_socket_is_there_and_goes(self) -> None:
        path = temporary_folder(self) / "ecm.sock"
        ecm = await self.start_ecm("--listen", f"unix:{path}:mode=600")
        await ecm.printed("serves BOSH on")
        await self.links.until(greeted=2)
        os.kill(self.links.all[0].process, signal.SIGKILL)
        await self.links.until(greeted=3)
        self.assertEqual(path.stat().st_mode & 0o777, 0o600)
        await self.answered(UNIXClientEndpoint(reactor, str(path)))
        await ecm.stop()
        self.assertFalse(path.exists())

    async def test_the_proxy_protocol_beside_a_plain_port(self) -> None:
        header = b"PROXY TCP4 192.0.2.7 127.0.0.1 1234 80\r\n"
        local = "tcp:0:interface=127.0.0.1"
        ecm = await self.start_ecm("--listen", local, "--proxy-protocol", local)
        found = await ecm.printed(r"(?s)starting on ([0-9]+).*starting on ([0-9]+)")
        await self.links.until(greeted=2)
        await self.answered(clientFromString(reactor, f"tcp:127.0.0.1:{found[1]}"))
        await self.answered(clientFromString(reactor, f"tcp:127.0.0.1:{found[2]}"), header)

    async def test_a_socket_of_systemd(self) -> None:
        self.links = await Links.start(self)
        self.links.answers = True
        with socket.create_server(("127.0.0.1", 0)) as listening:
            port = listening.getsockname()[1]
            listen = "--listen systemd:domain=INET:index=0"
            command = (
                f"LISTEN_PID=$$ exec {script('twistd')} -n --pidfile= ecm --workers 2 {listen}"
                f" --upstream {self.links.endpoint}"
            )
            start(
                self,
                *("/bin/sh", "-c", command),
                environment={"LISTEN_FDS": "1", "LISTEN_FDNAMES": "ecm.socket"},
                files={**PIPES, 3: listening.fileno()},
            )
            await self.links.until(greeted=2)
            await self.answered(clientFromString(reactor, f"tcp:127.0.0.1:{port}"))


class TlsTests(EndpointsTestCase):
    session: ssl.SSLSession | None

    def setUp(self) -> None:
        self.folder = temporary_folder(self)
        self.certificate = make_certificate(self.folder)
        self.context = ssl.create_default_context(cadata=self.certificate.ca.decode())

    def ask(self, port: int, resumes: bool = False) -> bytes:
        """Ask once, over TLS; ``resumes`` is whether the session of the last time is to go on."""
        session = self.session if resumes else None
        with (
            socket.create_connection(("127.0.0.1", port)) as connection,
            self.context.wrap_socket(
                connection, server_hostname="localhost", session=session
            ) as secure,
        ):
            self.assertEqual(secure.session_reused, resumes)
            secure.sendall(REQUEST)
            answer = b"".join(iter(lambda: secure.recv(4096), b""))
            self.session = secure.session
            return answer

    async def answered_over_tls(self, port: int) -> None:
        for _ in range(6):
            answer = await deferToThread(self.ask, port)
            self.assertTrue(answer.startswith(b"HTTP/1.1 200 OK\r\n"), answer)

    async def test_ssl(self) -> None:
        ecm = await self.start_ecm("--listen", self.certificate.endpoint())
        await self.answered_over_tls(await self.port_of(ecm))

    async def test_a_folder_of_certificates(self) -> None:
        ecm = await self.start_ecm("--listen", self.folder_endpoint())
        await self.answered_over_tls(await self.port_of(ecm))

    async def test_paths_begin_in_rundir_at_the_start_and_at_a_reload(self) -> None:
        endpoint = f"tls:{self.folder.name}:port=0:interface=127.0.0.1"
        twistd = ("-n", f"--rundir={self.folder.parent}")
        ecm = await self.start_ecm("--listen", endpoint, twistd=twistd)
        await self.answered_over_tls(await self.port_of(ecm))
        ecm.signal(signal.SIGHUP)
        await ecm.printed("reload: nothing has changed")

    def folder_endpoint(self) -> str:
        return f"tls:{self.folder}:port=0:interface=127.0.0.1"

    async def resumed_at_all(self, processes: set[int]) -> None:
        """Resume a session, each with the ticket of the last, until each worker has served.

        One after the other has all it may have to itself, as clients stay that say nothing.
        """
        before = {link: link.requests for link in self.links.all}
        served: set[int] = set()
        with ExitStack() as silent:
            while not processes <= served:
                silent.enter_context(socket.create_connection(("127.0.0.1", self.port)))
                await deferToThread(self.ask, self.port, resumes=True)
                after = [link for link in self.links.all if link.requests > before.get(link, 0)]
                served = {link.process for link in after}

    async def resumed(self, listen: str, *more: str) -> None:
        ecm = await self.start_ecm("--listen", listen, *more)
        self.port = await self.port_of(ecm)
        await deferToThread(self.ask, self.port)
        first, second = (link.process for link in self.links.all)
        await self.resumed_at_all({first, second})
        fork_server = parent(first)
        os.kill(fork_server, signal.SIGKILL)
        os.kill(first, signal.SIGKILL)
        await self.links.until(greeted=3)
        await self.resumed_at_all({second, self.links.all[-1].process})

    async def test_a_session_is_resumed_at_any_worker_of_any_fork_server(self) -> None:
        await self.resumed(self.certificate.endpoint())

    async def test_so_is_one_of_a_folder_of_certificates(self) -> None:
        await self.resumed(self.folder_endpoint())

    async def test_so_is_one_of_a_connection_that_does_without_openssl(self) -> None:
        await self.resumed(self.folder_endpoint(), "--lean-tls")

    async def test_a_folder_without_a_certificate_is_said_at_the_start(self) -> None:
        self.certificate.key.unlink()
        ecm = await self.start_ecm("--listen", self.folder_endpoint())
        self.assertEqual(await ecm.ended, 1)
        self.assertRegex(ecm.output, r"\Atwistd ecm: --listen tls:.*no \.pem file in .*\n\Z")

    async def test_a_daemon_reads_keys_before_it_gives_up_its_privileges(self) -> None:
        if os.getuid() != 0:
            raise SkipTest("only root has privileges to give up")
        nobody = pwd.getpwnam("nobody")
        self.certificate.key.chmod(0o600)
        log, pid = self.folder / "twistd.log", self.folder / "twistd.pid"
        self.folder.chmod(0o755)
        log.touch()
        os.chown(log, nobody.pw_uid, nobody.pw_gid)
        twistd = (f"--logfile={log}", f"--pidfile={pid}", "--uid=nobody", "--rundir=/")
        ecm = await self.start_ecm("--listen", self.certificate.endpoint(), twistd=twistd)
        self.assertEqual(await ecm.ended, 0)
        supervisor = int(pid.read_text())
        self.addCleanup(self.end, supervisor)
        await self.links.until(greeted=2)
        port = int(log.read_text().split("starting on ")[1].split()[0])
        await self.answered_over_tls(port)
        workers = [link.process for link in self.links.all]
        fork_server = parent(workers[0])
        for process in (supervisor, fork_server, *workers):
            self.assertEqual(os.stat(f"/proc/{process}").st_uid, nobody.pw_uid)
        os.kill(workers[0], signal.SIGKILL)
        await self.links.until(greeted=3)
        await self.answered_over_tls(port)
        os.kill(fork_server, signal.SIGKILL)  # its spare has the keys, too
        os.kill(workers[1], signal.SIGKILL)
        await self.links.until(greeted=4)
        await self.answered_over_tls(port)
        while log.read_text().count(": link up") < 4:
            await deferLater(reactor, 0.05)
        self.certificate.key.touch()  # and only root may read it
        os.kill(supervisor, signal.SIGHUP)
        while "Permission denied" not in log.read_text():
            await deferLater(reactor, 0.05)
        self.assertRegex(
            log.read_text(), r"reload: .*/key\.pem.* ECM has become\?; nothing has changed"
        )
        await self.answered_over_tls(port)

    async def test_ecm_becomes_the_user_that_its_own_option_names(self) -> None:
        if os.getuid() != 0:
            raise SkipTest("only root has privileges to give up")
        self.certificate.key.chmod(0o644)
        self.folder.chmod(0o755)
        ecm = await self.start_ecm("--listen", self.certificate.endpoint(), "--user", "nobody")
        await self.links.until(greeted=2)
        workers = [link.process for link in self.links.all]
        nobody = pwd.getpwnam("nobody")
        for process in (parent(parent(workers[0])), *workers):
            found = os.stat(f"/proc/{process}")
            self.assertEqual((found.st_uid, found.st_gid), (nobody.pw_uid, nobody.pw_gid))
        ecm.signal(signal.SIGHUP)  # whoever has become it may say it again
        await ecm.printed("reload: nothing has changed")

    async def test_certificates_that_this_user_may_not_even_look_for_are_those_of_the_start(
        self,
    ) -> None:
        if os.getuid() != 0:
            raise SkipTest("only root has privileges to give up")
        hidden = self.certificate.in_one_file().parent.parent  # as /etc/letsencrypt/live is
        hidden.chmod(0o700)
        endpoint = f"tls:{hidden}/both:port=0:interface=127.0.0.1"
        ecm = await self.start_ecm("--listen", endpoint, "--user", "nobody")
        port = await self.port_of(ecm)
        await self.answered_over_tls(port)
        ecm.signal(signal.SIGHUP)
        await ecm.printed("Permission denied.* ECM has become.; nothing has changed")
        await self.answered_over_tls(port)

    async def end(self, process: int) -> None:
        """End a daemon and wait for it."""
        os.kill(process, signal.SIGTERM)
        while os.path.exists(f"/proc/{process}/exe"):
            await deferLater(reactor, 0.05)
