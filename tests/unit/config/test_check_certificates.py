"""The findings of a check about certificates."""

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

from twisted.trial.unittest import TestCase

from ecm.config.check import certificates
from ecm.config.endpoint import server
from testkit.certificates import Authority
from testkit.ecm_process import temporary_folder


class CertificateTests(TestCase):
    def setUp(self) -> None:
        self.folder = temporary_folder(self)
        self.root = Authority.root()
        self.now = datetime.now(UTC)

    def write(self, name: str, *parts: bytes) -> Path:
        file = self.folder / name
        file.write_bytes(b"".join(parts))
        return file

    def said(self, endpoint: str, days: int = 0) -> list[str]:
        """Return the findings, days from now."""
        return [str(each) for each in certificates.check([endpoint], self.now + timedelta(days))]

    def test_each_of_a_folder_has_its_line(self) -> None:
        below = self.root.below("A test's authority")
        for name in ("a.example", "b.example"):
            self.write(f"{name}.pem", *below.sign(name, days=90), below.issuers)
        for kind in ("tls", "starttls"):
            endpoint = f"{kind}:{self.folder}:port=1"
            first, second = self.said(endpoint)
            self.assertTrue(first.startswith(f"ok: {endpoint}: the certificate for a.example is"))
            self.assertRegex(first, r" is good until [0-9]{4}-[0-9]{2}-[0-9]{2}$")
            self.assertIn("for b.example is good until", second)

    def test_the_time_in_which_it_is_good(self) -> None:
        self.write("a.pem", *self.root.sign("a.example", days=90), self.root.issuers)
        endpoint = f"tls:{self.folder}:port=1"
        for days, expected in (
            (-2, "error: .* for a.example is not good before "),
            (75, "ok: .* is good until "),
            (77, "warning: .* expires on .* UTC, in 12 days$"),
            (89, "warning: .* expires on .* UTC, in 0 days$"),
            (91, "error: .* expired on "),
        ):
            self.assertRegex(self.said(endpoint, days)[0], f"^{expected}")

    def test_a_certificate_whose_issuer_is_not_there(self) -> None:
        below = self.root.below("A test's authority")
        certificate, key = below.sign("a.example", days=90)
        cert_file, key_file = self.write("cert", certificate), self.write("key", key)
        endpoint = f"ssl:1:privateKey={key_file}:certKey={cert_file}"
        _, warning = self.said(endpoint)
        self.assertRegex(warning, "^warning: .* comes without that of CN=A test.s authority, which")
        chain = self.write("chain", below.issuers)
        self.assertEqual(len(self.said(f"{endpoint}:extraCertChain={chain}")), 1)

    def test_a_certificate_without_a_name(self) -> None:
        self.write("a.pem", *self.root.sign(days=90, common_name="a.example"), self.root.issuers)
        self.assertIn(
            "for a.example names no host in its subjectAltName",
            self.said(f"tls:{self.folder}:port=1")[1],
        )

    def test_a_file_that_nobody_has_named_is_none(self) -> None:
        self.write("server.pem", *self.root.sign("a.example"))
        self.addCleanup(os.chdir, os.getcwd())
        os.chdir(self.folder)
        error = self.assertRaises(ValueError, server, "ssl:1")
        self.assertIn("give ssl:PORT:privateKey=FILE:certKey=FILE", str(error))
        self.assertIn("backlog", server("ssl:1:server.pem"))

    def test_what_cannot_be_read_is_an_error(self) -> None:
        (said,) = self.said("tls:/nosuch:port=1")
        self.assertEqual(said, "error: tls:/nosuch:port=1: there is no folder /nosuch")

    def test_ports_without_tls_have_none(self) -> None:
        self.assertEqual(self.said("tcp:80") + self.said("plain:tcp:80"), [])
