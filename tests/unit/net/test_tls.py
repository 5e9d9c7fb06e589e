"""The door of TLS: tickets, the certificate for a name, the protocol; OpenSSL at both ends."""

import ssl
from typing import Any

from twisted.internet.endpoints import serverFromString
from twisted.internet.interfaces import IProtocolNegotiationFactory
from twisted.internet.protocol import Factory, Protocol
from twisted.trial.unittest import TestCase
from zope.interface import implementer

from ecm.net.certificates import read_folder
from ecm.net.endpoints import server_endpoint
from ecm.net.listening import FactoryRecorder
from ecm.net.tls import Door, folder_of_certificates
from testkit.certificates import Authority, make_certificate
from testkit.ecm_process import temporary_folder
from testkit.tls_client import TlsClient, client_context, connected

HTTP = [b"http/1.1"]


class ServedProtocol(Protocol):
    def held_changed(self) -> None:
        """Nobody bounds it."""

    def tls_failed(self, why: str) -> None:
        """The client sees that, too."""


@implementer(IProtocolNegotiationFactory)
class Served(Factory):
    protocol = ServedProtocol
    noisy = False

    def acceptableProtocols(self) -> list[bytes]:
        return HTTP


class DoorTestCase(TestCase):
    lean = False

    def setUp(self) -> None:
        self.folder = temporary_folder(self)
        self.root = Authority.root()
        self.context = client_context(self.root.issuers)
        self.context.check_hostname = False

    def put(self, file: str, *names: str, **more: Any) -> None:
        """Put a certificate for these names into the folder, with its key."""
        self.folder.joinpath(file).write_bytes(b"".join(self.root.sign(*names, **more)))

    def ask(self, door: Door, name: str | None, context: ssl.SSLContext | None = None) -> TlsClient:
        client = TlsClient(context or self.context, name)
        connected(client, door.factory(Served()))
        return client

    def names(self, client: TlsClient) -> set[str]:
        """Return the names in the certificate that a client was shown."""
        shown: Any = client.tls.getpeercert()
        return {name for _, name in shown["subjectAltName"]}


class NameTests(DoorTestCase):
    def shown(self, door: Door, name: str | None) -> set[str]:
        return self.names(self.ask(door, name))

    def test_each_name_has_its_certificate(self) -> None:
        self.put("a.pem", "a.example", "www.a.example")
        self.put("b.pem", "b.example")
        door = folder_of_certificates(self.folder, self.lean)
        for name in ("a.example", "www.a.example", "A.Example"):
            self.assertEqual(self.shown(door, name), {"a.example", "www.a.example"}, name)
        self.assertEqual(self.shown(door, "b.example"), {"b.example"})

    def test_a_wildcard_is_for_all_names_right_below(self) -> None:
        self.put("a.pem", "a.example")
        self.put("b.pem", "*.b.example")
        self.put("c.pem", "chat.b.example")
        door = folder_of_certificates(self.folder, self.lean)
        self.assertEqual(self.shown(door, "www.b.example"), {"*.b.example"})
        self.assertEqual(self.shown(door, "chat.b.example"), {"chat.b.example"})
        for name in ("b.example", "x.y.b.example"):
            self.assertEqual(self.shown(door, name), {"a.example"}, name)

    def test_the_first_one_is_for_other_names_and_for_none(self) -> None:
        self.put("b.pem", "b.example")
        self.put("a.pem", "a.example")
        door = folder_of_certificates(self.folder, self.lean)
        for name in ("c.example", "b", None):
            self.assertEqual(self.shown(door, name), {"a.example"}, name)

    def test_of_two_for_a_name_it_is_the_one_that_is_good_for_longer(self) -> None:
        self.put("a.pem", "a.example", "old.example", days=1)
        self.put("b.pem", "a.example", "new.example", days=3)
        self.put("c.pem", "a.example", "older.example", days=2)
        door = folder_of_certificates(self.folder, self.lean)
        self.assertEqual(self.shown(door, "a.example"), {"a.example", "new.example"})

    def test_a_client_gets_all_that_leads_to_its_root(self) -> None:
        below = self.root.below("An authority below").below("One below that")
        certificate, key = below.sign("a.example")
        self.folder.joinpath("others.pem").write_bytes(below.issuers)
        self.folder.joinpath("key.pem").write_bytes(key)
        self.folder.joinpath("cert.pem").write_bytes(certificate)
        door = folder_of_certificates(self.folder, self.lean)
        self.assertEqual(self.shown(door, "a.example"), {"a.example"})


class VersionTests(DoorTestCase):
    def versions(self, **more: Any) -> list[str | None]:
        """Return what clients of TLS 1.2 and of 1.3 get; None for an alert."""
        self.put("a.pem", "a.example")
        recorder, found = FactoryRecorder(), []
        description = f"tls:{self.folder}:port=0"
        server_endpoint(recorder, description, self.lean, **more).listen(Served())
        for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
            client = TlsClient(client_context(self.root.issuers, version), "a.example")
            try:
                connected(client, recorder.factory())
                found.append(client.tls.version())
            except ssl.SSLError as error:
                self.assertEqual(error.reason, "TLSV1_ALERT_PROTOCOL_VERSION")
                found.append(None)
        return found

    def test_tls_1_2_is_taken(self) -> None:
        self.assertEqual(self.versions(), ["TLSv1.2", "TLSv1.3"])

    def test_it_is_refused_where_clients_need_a_newer_one(self) -> None:
        self.assertEqual(self.versions(newest=True), [None, "TLSv1.3"])


class TicketTests(DoorTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.put("a.pem", "a.example")
        self.put("b.pem", "b.example")

    def resumed(self, door: Door, client: TlsClient, name: str = "a.example") -> bool:
        again = TlsClient(self.context, name, client.tls.session)
        connected(again, door.factory(Served()))
        self.assertEqual(again.tls.version(), "TLSv1.3")
        return bool(again.tls.session_reused)

    def test_a_session_is_resumed(self) -> None:
        door = folder_of_certificates(self.folder, self.lean)
        client = self.ask(door, "a.example")
        self.assertFalse(client.tls.session_reused)
        self.assertTrue(self.resumed(door, client))
        self.assertTrue(self.resumed(door, client))

    def test_it_is_where_certificates_were_replaced_meanwhile(self) -> None:
        door = folder_of_certificates(self.folder, self.lean)
        client = self.ask(door, "a.example")
        self.put("a.pem", "a.example", "new.example")
        door.contexts = folder_of_certificates(self.folder, self.lean).contexts
        self.assertTrue(self.resumed(door, client))
        self.assertEqual(self.names(self.ask(door, "a.example")), {"a.example", "new.example"})

    def test_it_is_not_at_another_door(self) -> None:
        client = self.ask(folder_of_certificates(self.folder, self.lean), "a.example")
        self.assertFalse(self.resumed(folder_of_certificates(self.folder, self.lean), client))

    def test_tls_1_2_has_no_tickets(self) -> None:
        door = folder_of_certificates(self.folder, self.lean)
        context = client_context(self.root.issuers, ssl.TLSVersion.TLSv1_2)
        client = self.ask(door, "a.example", context)
        self.assertEqual(client.tls.version(), "TLSv1.2")
        assert client.tls.session is not None
        self.assertFalse(client.tls.session.has_ticket)


class ProtocolTests(DoorTestCase):
    def selected(self, *offered: str) -> str | None:
        self.put("a.pem", "a.example")
        self.context.set_alpn_protocols(offered)
        client = self.ask(folder_of_certificates(self.folder, self.lean), "a.example")
        self.assertEqual(client.tls.version(), "TLSv1.3")
        return client.tls.selected_alpn_protocol()

    def test_what_is_spoken_is_selected(self) -> None:
        self.assertEqual(self.selected("h2", "http/1.1"), "http/1.1")

    def test_who_offers_something_else_is_not_answered(self) -> None:
        self.assertIsNone(self.selected("h2"))


class EndpointTests(DoorTestCase):
    """Endpoints on which nobody listens, from their descriptions."""

    def make(self, description: str) -> Any:
        recorder = FactoryRecorder()
        server_endpoint(recorder, description, self.lean).listen(Served())
        return recorder.factory()

    def refused(self, description: str) -> str:
        return str(self.assertRaises(ValueError, self.make, description))

    def test_ssl_has_one_certificate_and_resumes_sessions(self) -> None:
        made = make_certificate(self.folder)
        factory = self.make(made.endpoint())
        context = client_context(made.ca)
        first = TlsClient(context)
        connected(first, factory)
        second = TlsClient(context, session=first.tls.session)
        connected(second, factory)
        self.assertTrue(second.tls.session_reused)

    def test_a_method_is_kept(self) -> None:
        made = make_certificate(self.folder)
        factory = self.make(f"{made.endpoint()}:sslmethod=TLSv1_2_METHOD")
        client = TlsClient(client_context(made.ca, ssl.TLSVersion.TLSv1_2))
        connected(client, factory)
        self.assertEqual(client.tls.version(), "TLSv1.2")
        with self.assertRaises(ssl.SSLError):
            connected(TlsClient(client_context(made.ca)), factory)

    def test_tls_has_a_folder_and_a_port(self) -> None:
        folder = self.folder / "a:b"
        folder.mkdir()
        self.folder = folder
        self.put("a.pem", "a.example")
        quoted = str(folder).replace(":", "\\:")
        for more in ("port=1", "port=1:interface=127.0.0.1", r"interface=\:\:1:port=1:backlog=9"):
            self.assertIsNotNone(self.make(f"tls:{quoted}:{more}"))

    def test_one_that_lacks_something_is_refused(self) -> None:
        self.put("a.pem", "a.example")
        more = ("", ":443", ":port=", ":port=x", ":port=1:a=b", ":port=1:backlog=x")
        for description in ["tls:", "tls:port=443", *(f"tls:{self.folder}{each}" for each in more)]:
            self.assertIn("give tls:FOLDER:port=PORT", self.refused(description), description)

    def test_others_are_those_of_twisted(self) -> None:
        recorder = FactoryRecorder()
        endpoint = server_endpoint(recorder, "tcp:80", self.lean)
        self.assertIs(type(endpoint), type(serverFromString(recorder, "tcp:80")))


class LeanNameTests(NameTests):
    lean = True


class LeanVersionTests(VersionTests):
    lean = True


class LeanTicketTests(TicketTests):
    lean = True


class LeanProtocolTests(ProtocolTests):
    lean = True


class LeanEndpointTests(EndpointTests):
    lean = True


class FolderTests(DoorTestCase):
    def refused(self) -> str:
        error = self.assertRaises(ValueError, folder_of_certificates, self.folder, self.lean)
        return str(error).replace(str(self.folder), "FOLDER")

    def test_there_must_be_one(self) -> None:
        self.folder /= "nosuch"
        self.assertEqual(self.refused(), "there is no folder FOLDER")

    def test_a_certificate_with_its_key_must_be_in_it(self) -> None:
        lone, _ = self.root.sign("a.example")
        _, stranger = self.root.sign("a.example")
        self.folder.joinpath("a.pem").write_bytes(lone + stranger)
        self.put("a.crt", "a.example")
        self.assertEqual(
            self.refused(), "no .pem file in FOLDER has a certificate whose key is there, too"
        )

    def test_what_cannot_be_read_is_named_and_not_shown(self) -> None:
        certificate, key = self.root.sign("a.example")
        for kind, pem in (("certificate", certificate), ("key", key)):
            torn = pem[:60] + pem[70:]
            self.folder.joinpath("a.pem").write_bytes(torn)
            self.assertEqual(self.refused(), f"FOLDER/a.pem: a {kind} that cannot be read")

    def test_files_may_be_in_folders_as_certbot_has_them(self) -> None:
        for name in ("b.example", "a.example"):
            folder = self.folder / name
            folder.mkdir()
            certificate, key = self.root.sign(name)
            folder.joinpath("cert.pem").write_bytes(certificate)
            folder.joinpath("fullchain.pem").write_bytes(certificate + self.root.issuers)
            folder.joinpath("privkey.pem").write_bytes(key)
        door = folder_of_certificates(self.folder, self.lean)
        self.assertEqual(self.names(self.ask(door, "b.example")), {"b.example"})
        self.assertEqual(self.names(self.ask(door, None)), {"a.example"})

    def test_a_certificate_without_names_is_for_its_common_name(self) -> None:
        self.put("a.pem", "a.example")
        self.put("b.pem", common_name="b.example")
        client = self.ask(folder_of_certificates(self.folder, self.lean), "b.example")
        self.assertNotIn("subjectAltName", client.tls.getpeercert() or {})

    def test_a_key_is_not_shown(self) -> None:
        self.put("a.pem", "a.example")
        self.assertNotIn("key", repr(read_folder(self.folder)).lower())
