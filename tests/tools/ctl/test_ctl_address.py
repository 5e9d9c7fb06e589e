"""The address of an admin endpoint."""

from twisted.trial.unittest import TestCase

from ecm.tools.ctl.address import Address, read


class AddressTests(TestCase):
    def test_what_a_person_types(self) -> None:
        for text, address in (
            ("unix:/run/ecm/admin.sock", Address(path="/run/ecm/admin.sock")),
            ("tcp:9461", Address(host="localhost", port=9461)),
            ("tcp:front1.example:9461", Address(host="front1.example", port=9461)),
            (r"tcp:\:\:1:9461", Address(host="::1", port=9461)),
        ):
            self.assertEqual(read(text), address)

    def test_what_the_option_of_ecm_has(self) -> None:
        for text, address in (
            ("unix:/run/a.sock:mode=660:backlog=50", Address(path="/run/a.sock")),
            ("tcp:9461:interface=127.0.0.1:backlog=4096", Address(host="127.0.0.1", port=9461)),
            (r"tcp6:9461:interface=\:\:1", Address(host="::1", port=9461)),
            (r"tcp:9461:interface=\:\:", Address(host="localhost", port=9461)),
            (r"unix:/run/a\:b.sock", Address(path="/run/a:b.sock")),
            (r"unix:/run/a\=b.sock", Address(path="/run/a=b.sock")),
        ):
            self.assertEqual(read(text), address)

    def test_what_is_none(self) -> None:
        for text in (
            *("", "unix:", "unix", "/run/ecm/admin.sock", "tcp:", "tcp:0", "tcp:65536", "tcp:x"),
            *("tcp:a:b:1", "http://localhost:9461", "ssl:9461", "tcp:a:٣", "unix:/a:/b"),
        ):
            with self.assertRaisesRegex(ValueError, "is no admin endpoint: give unix:"):
                read(text)

    def test_a_path_that_no_socket_can_have(self) -> None:
        self.assertEqual(read(f"unix:/{106 * 'a'}").path, f"/{106 * 'a'}")
        with self.assertRaisesRegex(ValueError, "has at most 107 bytes"):
            read(f"unix:/{107 * 'a'}")

    def test_it_is_shown_as_it_is_given(self) -> None:
        for text in ("unix:/run/ecm/admin.sock", r"tcp:\:\:1:9461", "tcp:a:1"):
            self.assertEqual(str(read(text)), text)
