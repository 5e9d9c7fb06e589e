"""Clients of other libraries over --lean-tls, with each cipher; new keys from either side."""

import socket
from pathlib import Path

from tlslite.api import HandshakeSettings, TLSConnection
from twisted.internet.threads import deferToThread

from testkit.certificates import make_certificate
from testkit.ecm_process import EcmTestCase, Ejabberd, temporary_folder
from testkit.tls_program import talk

REQUEST = b"POST /bosh HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n%b"
SIZES = (1, 7, 1000, 16_384, 16_385, 100_000)


class LeanTlsTests(EcmTestCase):
    timeout = 60

    async def start_tls(self) -> None:
        certificate = make_certificate(temporary_folder(self))
        self.authority = Path(temporary_folder(self), "ca.pem")
        self.authority.write_bytes(certificate.ca)
        ejabberd = await Ejabberd.start(self)
        listen = ("--listen", certificate.endpoint(), "--lean-tls")
        ecm = await self.start("--upstream", ejabberd.endpoint, *listen)
        self.port = int((await ecm.printed(r"TLS\) starting on ([0-9]+)"))[1])
        await ecm.printed("link up")

    async def test_gnutls(self) -> None:
        await self.start_tls()
        options = f"--inline-commands --x509cafile {self.authority} --port {self.port}"
        for cipher in ("AES-128-GCM", "AES-256-GCM", "CHACHA20-POLY1305"):
            priority = f"NORMAL:-VERS-ALL:+VERS-TLS1.3:-CIPHER-ALL:+{cipher}"
            command = ["gnutls-cli", *options.split(), "--priority", priority, "localhost"]
            said = await deferToThread(talk, command, [(b"^rekey^\n", "")] * 3)
            self.assertIn(f"({cipher})", said)
            self.assertEqual(said.count("HTTP/1.1 200 OK"), 4, said)
            self.assertEqual(said.count("Rekey was completed"), 3, said)

    def converse(self, cipher: str) -> None:
        """Ask with tlslite-ng, and update keys, or ask for it, before each request."""
        settings = HandshakeSettings()
        settings.minVersion = settings.maxVersion = (3, 4)
        settings.cipherNames = [cipher]
        with socket.create_connection(("127.0.0.1", self.port)) as connection:
            connection.settimeout(self.timeout)
            client = TLSConnection(connection)
            client.handshakeClientCert(settings=settings, serverName="localhost")
            for turn, size in enumerate(SIZES):
                for _ in client.send_keyupdate_request(turn % 2):
                    raise AssertionError("it would block")
                body = b"<%b/>" % (b"x" * size)
                client.write(REQUEST % (len(body), body))
                answer = b""
                while not answer.endswith(body):
                    answer += client.read(min=1)
            client.close()

    async def test_tlslite(self) -> None:
        await self.start_tls()
        for cipher in ("aes128gcm", "aes256gcm", "chacha20-poly1305"):
            await deferToThread(self.converse, cipher)
