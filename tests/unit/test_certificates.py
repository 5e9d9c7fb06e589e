"""Certificates of endpoints: whether they have changed, and whether they are fit."""

import os

from twisted.trial.unittest import TestCase

from ecm.certificates import Certificates
from ecm.config.build import build
from ecm.net.certificates import read_folder
from ecm.net.endpoints import has_tls
from ecm.net.pems import contexts, read, stamp
from testkit.certificates import Authority
from testkit.ecm_process import temporary_folder


class CertificatesTests(TestCase):
    def setUp(self) -> None:
        self.folder = temporary_folder(self)
        self.sign("a")
        self.endpoint = f"starttls:{self.folder}:port=5222"
        given = {"listen": ["tcp:7080"], "stream": [self.endpoint]}
        self.certificates = Certificates(build(given))

    def sign(self, name: str) -> None:
        certificate, key = Authority.root().sign(f"{name}.example")
        (self.folder / f"{name}.pem").write_bytes(certificate + key)

    def test_as_long_as_nothing_changes_there_is_nothing_new(self) -> None:
        self.assertFalse(self.certificates.have_changed())
        self.assertFalse(self.certificates.have_just_changed())

    def test_one_more_is_new_until_it_was_read(self) -> None:
        self.sign("b")
        self.assertTrue(self.certificates.have_changed())
        found = self.certificates.read()
        self.assertEqual([*found], [1])
        self.assertEqual([path[-5:] for path in found[1]], ["a.pem", "b.pem"])
        self.assertFalse(self.certificates.have_changed())

    def test_a_mistake_is_tried_once_by_itself_and_whenever_it_is_asked_for(self) -> None:
        (self.folder / "a.pem").write_text("none")
        self.assertTrue(self.certificates.have_just_changed())
        error = self.assertRaises(ValueError, self.certificates.read)
        self.assertIn("no .pem file in", str(error))
        self.assertFalse(self.certificates.have_just_changed())
        self.assertTrue(self.certificates.have_changed())
        self.sign("a")
        self.assertTrue(self.certificates.have_just_changed())
        self.certificates.read()
        self.assertFalse(self.certificates.have_changed())

    def test_a_pipe_is_none_and_nobody_waits_for_it(self) -> None:
        (self.folder / "a.pem").unlink()
        os.mkfifo(self.folder / "a.pem")
        for attempt in (self.certificates.read, lambda: read_folder(self.folder)):
            with self.assertRaisesRegex((ValueError, OSError), "Is a pipe"):
                attempt()

    def test_they_are_made_of_what_was_read_whatever_the_files_are_now(self) -> None:
        pems = read(self.endpoint)
        (self.folder / "a.pem").unlink()
        made = contexts(self.endpoint, pems, lean=True)
        self.assertIsNotNone(made.choose(b"a.example"))
        self.assertEqual([name for name, _ in made.certificates], ["a.example"])

    def test_where_they_cannot_be_looked_for_there_is_nothing_new(self) -> None:
        self.assertEqual(stamp(f"tls:{300 * 'a'}:port=1"), ())

    def test_those_of_an_endpoint_whose_parts_have_no_names_are_known(self) -> None:
        endpoint = f"ssl:5223:{self.folder}/a.pem:{self.folder}/a.pem"
        certificates = Certificates(build({"stream": [endpoint]}))
        self.sign("a")
        self.assertTrue(certificates.have_changed())
        self.assertEqual([*certificates.read()[1]], [f"{self.folder}/a.pem"])

    def test_an_endpoint_without_tls_has_none(self) -> None:
        self.assertFalse(has_tls("tcp:7080"))
        self.assertFalse(Certificates(build({"listen": ["tcp:7080"]})).have_changed())
