"""TLS of the swarm's clients, beside ECM's lean TLS and the standard library as servers."""

import random
import ssl
from pathlib import Path
from tempfile import TemporaryDirectory

from twisted.trial.unittest import TestCase

from ecm.limits import MAX_RECORDS
from ecm.tls.records import HANDSHAKE
from ecm.tls.records import Records as ServerRecords
from ecm.tls.suites import SUITES
from ecm.tools.stream.tls import Handshake, Plain, Records, TlsError, client_context, cut
from testkit.certificates import make_certificate
from testkit.lean_tls import new_handshake

LONG = bytes(range(256)) * 200


class LeanServerTests(TestCase):
    """ECM's own records are at the other end."""

    def begin(self, suite: str = "TLS_AES_128_GCM_SHA256") -> None:
        client, server = Handshake(client_context(), "a.example"), new_handshake(suite)
        step = server.receive(client.begin())
        while step.records is None:
            reply, records, rest = client.receive(step.reply)
            assert records is None or not rest
            self.client = records
            step = server.receive(reply)
        self.server: ServerRecords = step.records
        assert self.client is not None
        self.tickets = step.reply

    client: Records | None

    def heard(self, data: bytes) -> Plain:
        assert self.client is not None
        return self.client.receive(data)

    def said(self, data: bytes) -> bytes:
        assert self.client is not None
        return self.server.receive(self.client.send(data)).data

    def test_every_suite(self) -> None:
        for suite in SUITES:
            self.begin(suite)
            self.assertEqual(self.heard(self.tickets), Plain(b"", b"", False))
            self.assertEqual(self.said(LONG), LONG)
            self.assertEqual(self.heard(self.server.send(LONG)).data, LONG)

    def test_any_pieces(self) -> None:
        self.begin()
        data = self.tickets + self.server.send(LONG) + self.server.send(b"end")
        places = sorted(random.Random(1).sample(range(len(data)), 50))
        cuts = zip([0, *places], [*places, len(data)], strict=True)
        heard = b"".join(self.heard(data[begin:end]).data for begin, end in cuts)
        self.assertEqual(heard, LONG + b"end")

    def test_other_keys(self) -> None:
        self.begin()
        self.heard(self.tickets)
        self.server._sending.number = MAX_RECORDS
        assert self.client is not None
        self.client._receiving.number = MAX_RECORDS
        self.assertEqual(self.heard(self.server.send(b"new")).data, b"new")

    def test_other_keys_for_both(self) -> None:
        self.begin()
        self.heard(self.tickets)
        update = self.server._sending.seal(HANDSHAKE, b"\x18\x00\x00\x01\x01")
        self.server._sending.update()
        reply = self.heard(update).reply
        self.assertEqual(self.server.receive(reply).data, b"")
        self.assertEqual(self.said(b"new"), b"new")
        self.assertEqual(self.heard(self.server.send(b"newer")).data, b"newer")

    def test_the_end(self) -> None:
        self.begin()
        self.heard(self.tickets)
        last = self.server.send(b"last") + self.server.close()
        self.assertEqual(self.heard(last), Plain(b"last", b"", True))
        assert self.client is not None
        end = self.server.receive(self.client.close()).end
        assert end is not None
        self.assertTrue(end.by_client)

    def test_faults(self) -> None:
        for fault in ("changed", "alert", "message", "empty"):
            self.begin()
            self.heard(self.tickets)
            seal = self.server._sending.seal
            data = {
                "changed": seal(23, b"x")[:-1] + b"?",
                "alert": seal(21, b"\x02\x28"),
                "message": seal(HANDSHAKE, b"\x01\x00\x00\x00"),
                "empty": seal(HANDSHAKE, b""),
            }[fault]
            self.assertRaises(TlsError, self.heard, data)

    def test_no_tls(self) -> None:
        self.assertRaises(TlsError, cut, b"HTTP/1.1 400 Bad Request")


class OpenSslServerTests(TestCase):
    """The standard library's server is at the other end."""

    def setUp(self) -> None:
        self.folder = Path(self.enterContext(TemporaryDirectory()))

    def server(self, version: ssl.TLSVersion) -> ssl.SSLObject:
        self.incoming, self.outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.maximum_version = version
        context.set_alpn_protocols(["http/1.1", "xmpp-client"])
        made = make_certificate(self.folder)
        context.load_cert_chain(made.certificate, made.key)
        self.folder.joinpath("ca.pem").write_bytes(made.ca)
        return context.wrap_bio(self.incoming, self.outgoing, server_side=True)

    def shake(
        self, server: ssl.SSLObject, trusted: str | None = None, name: str = "localhost"
    ) -> tuple[Records, bytes]:
        client = Handshake(client_context(b"xmpp-client", trusted=trusted), name)
        said = client.begin()
        while True:
            self.incoming.write(said)
            try:
                server.do_handshake()
            except ssl.SSLWantReadError:
                pass
            except ssl.SSLError:
                client.receive(self.outgoing.read())
            said, records, rest = client.receive(self.outgoing.read())
            if records is not None:
                self.incoming.write(said)
                server.do_handshake()
                return records, rest

    def test_a_certificate_that_is_looked_at(self) -> None:
        ca = str(self.folder / "ca.pem")
        for name in ("localhost", "127.0.0.1"):
            self.shake(self.server(ssl.TLSVersion.TLSv1_3), ca, name)
        for name in ("chat.example", "127.0.0.2"):
            with self.assertRaisesRegex(TlsError, f"^the certificate is not for {name}$"):
                self.shake(self.server(ssl.TLSVersion.TLSv1_3), ca, name)
        with self.assertRaisesRegex(TlsError, "^certificate verify failed$"):
            self.shake(self.server(ssl.TLSVersion.TLSv1_3), trusted="")

    def test_a_talk(self) -> None:
        server = self.server(ssl.TLSVersion.TLSv1_3)
        records, rest = self.shake(server)
        self.assertEqual(server.selected_alpn_protocol(), "xmpp-client")
        self.incoming.write(records.send(LONG))
        self.assertEqual(server.read(len(LONG))[:100], LONG[:100])
        server.write(LONG)
        self.assertEqual(records.receive(rest + self.outgoing.read()).data, LONG)

    def test_an_older_version(self) -> None:
        with self.assertRaisesRegex(TlsError, "alert|protocol"):
            self.shake(self.server(ssl.TLSVersion.TLSv1_2))
