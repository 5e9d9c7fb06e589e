"""New certificates: for new connections, while the old ones go on, in the same workers."""

import os
import signal
import socket
import ssl
from typing import Any

from cryptography import x509
from twisted.internet.threads import deferToThread

from testkit.certificates import Authority
from testkit.ecm_process import start_ecm, temporary_folder
from testkit.process import Process
from testkit.workers_case import Links, WorkersTestCase

REQUEST = b"POST /bosh HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\none"


class Connection:
    """A connection of a client over TLS, which trusts anybody, and sees who is there."""

    def __init__(self, port: int, context: ssl.SSLContext, session: Any = None) -> None:

        tcp = socket.create_connection(("127.0.0.1", port))
        self.tls = context.wrap_socket(tcp, server_hostname="a.example", session=session)
        der = self.tls.getpeercert(binary_form=True)
        assert der is not None
        self.serial = x509.load_der_x509_certificate(der).serial_number

    def ask(self) -> bytes:
        self.tls.sendall(REQUEST)
        answer = b""
        while not answer.endswith(b"one"):
            answer += self.tls.recv(2**16)
        return answer


class RenewalTests(WorkersTestCase):
    kind = "tls"
    lean = False
    workers = 2

    def setUp(self) -> None:
        self.folder = temporary_folder(self)
        self.authority = Authority.root()
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        self.context.check_hostname = False
        self.context.verify_mode = ssl.CERT_NONE

    def sign(self) -> int:
        """Put a new certificate where ECM finds it; return its number."""
        certificate, key = self.authority.sign("a.example")
        (self.folder / "a.pem").write_bytes(certificate + key)
        return x509.load_pem_x509_certificate(certificate).serial_number

    @property
    def endpoint(self) -> str:
        if self.kind == "ssl":
            return f"ssl:0:interface=127.0.0.1:privateKey={self.folder}/a.pem"
        return f"tls:{self.folder}:port=0:interface=127.0.0.1"

    async def start_with_tls(self) -> Process:
        self.links = await Links.start(self)
        self.links.answers = True
        workers = ("--workers", str(self.workers))
        options = ("--upstream", self.links.endpoint, "--listen", self.endpoint, *workers)
        ecm = start_ecm(self, *options, *(["--lean-tls"] if self.lean else []))
        self.port = int((await ecm.printed(r" starting on ([0-9]+)"))[1])
        await self.links.until(greeted=self.workers)
        if self.workers > 1:
            self.processes = [await self.process_of(ecm, each) for each in (1, 2)]
        return ecm

    async def connect(self) -> Connection:
        connection: Connection = await deferToThread(Connection, self.port, self.context)
        self.addCleanup(connection.tls.close)
        return connection

    async def serials(self) -> set[int]:
        """Return the numbers of the certificates that new connections see, at all workers."""
        return {(await self.connect()).serial for _ in range(12)}

    async def test_it_is_for_new_connections_and_old_ones_go_on(self) -> None:
        first = self.sign()
        ecm = await self.start_with_tls()
        old = await self.connect()
        self.assertEqual(old.serial, first)
        second = self.sign()
        ecm.signal(signal.SIGHUP)
        await ecm.printed("reload: new connections get the certificates of ")
        self.assertEqual(await self.serials(), {second})
        self.assertTrue((await deferToThread(old.ask)).startswith(b"HTTP/1.1 200 OK\r\n"))
        self.assertEqual(self.links.greeted(), self.workers)

    async def test_one_that_is_not_fit_changes_nothing(self) -> None:
        first = self.sign()
        ecm = await self.start_with_tls()
        (self.folder / "a.pem").write_text("none")
        ecm.signal(signal.SIGHUP)
        await ecm.printed("reload: .*; nothing has changed")
        self.assertEqual(await self.serials(), {first})
        second = self.sign()
        ecm.signal(signal.SIGHUP)
        await ecm.printed("reload: new connections get the certificates of ")
        self.assertEqual(await self.serials(), {second})


class WorkersTests(RenewalTests):
    async def test_a_worker_that_is_respawned_has_it_too(self) -> None:
        self.sign()
        ecm = await self.start_with_tls()
        second = self.sign()
        ecm.signal(signal.SIGHUP)
        await ecm.printed("reload: new connections get the certificates of ")
        (self.folder / "a.pem").unlink()
        for process in self.processes:
            os.kill(process, signal.SIGKILL)
        await self.links.until(greeted=4)
        self.assertEqual(await self.serials(), {second})


class LeanTests(WorkersTests):
    lean = True


class OneFileTests(WorkersTests):
    kind = "ssl"


class OneProcessTests(RenewalTests):
    workers = 1
