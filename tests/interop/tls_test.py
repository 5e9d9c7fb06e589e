"""Clients of other libraries over --lean-tls, with each cipher; new keys from either side.

Of these, curl makes no new keys. Rtls, which has rustls, cannot be told to, nor which cipher.
"""

import socket
from pathlib import Path

import rtls
from tlslite.api import HandshakeSettings, TLSConnection
from twisted.internet.threads import deferToThread

from testkit.certificates import make_certificate
from testkit.ecm_process import EcmTestCase, Ejabberd, temporary_folder
from testkit.process import start
from testkit.tls_program import talk

REQUEST = b"POST /bosh HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n%b"
CIPHERS = ("TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256")
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

    def converse_with_rustls(self) -> None:
        """Ask with rustls, by the interface of Python's ssl; both sides end with a goodbye."""
        context = rtls.create_default_context(cafile=str(self.authority))
        with socket.create_connection(("127.0.0.1", self.port), self.timeout) as connection:
            client = context.wrap_socket(connection, server_hostname="localhost")
            self.assertEqual(client.version(), "TLSv1.3")
            for size in SIZES:
                body = b"<%b/>" % (b"x" * size)
                client.sendall(REQUEST % (len(body), body))
                answer = b""
                while not answer.endswith(body):
                    some = client.recv(65536)
                    self.assertTrue(some)
                    answer += some
            client.unwrap()

    async def test_rustls(self) -> None:
        await self.start_tls()
        await deferToThread(self.converse_with_rustls)

    async def test_curl(self) -> None:
        """It asks twice over one connection, with much, and says what TLS it has."""
        await self.start_tls()
        folder = temporary_folder(self)
        body, answer = folder / "body", folder / "answer"
        body.write_bytes(b"x" * 100_000)
        url = f"https://localhost:{self.port}/bosh"
        for cipher in CIPHERS:
            options = f"--disable -s -v --cacert {self.authority} --tls13-ciphers {cipher}"
            asked = ("--data-binary", f"@{body}", "-o", str(answer), url, "-o", "/dev/null", url)
            process = start(self, "curl", *options.split(), *asked)
            self.assertEqual(await process.ended, 0, process.output)
            self.assertIn(f"SSL connection using TLSv1.3 / {cipher}", process.output)
            self.assertEqual(process.output.count("< HTTP/1.1 200 OK"), 2, process.output)
            self.assertIn("Re-using existing connection", process.output)
            self.assertTrue(answer.read_bytes() == body.read_bytes())

    async def test_tlslite(self) -> None:
        await self.start_tls()
        for cipher in ("aes128gcm", "aes256gcm", "chacha20-poly1305"):
            await deferToThread(self.converse, cipher)
