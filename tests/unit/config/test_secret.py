"""The file with the secret of the link, and what is not safe about it."""

import os

from twisted.trial.unittest import TestCase

from ecm.config import secret
from testkit.command_line import parse
from testkit.ecm_process import temporary_folder


class SecretTests(TestCase):
    def setUp(self) -> None:
        self.file = temporary_folder(self) / "secret"
        self.file.write_bytes(b"0123456789abcdef")

    def test_white_space_at_the_end_is_left_out(self) -> None:
        self.file.write_bytes(b" 0123456789abcde \r\n\n")
        link = parse("--link-secret-file", str(self.file)).settings.link
        self.assertEqual(link.secret, b" 0123456789abcde")

    def test_mistakes(self) -> None:
        self.file.write_bytes(b"0123456789abcde\n")
        for file, message in (
            ("/no/file", "No such file"),
            ("/", "Is a directory"),
            (str(self.file), "a secret has at least 16 bytes, this one has 15; head -c 32 /dev/ur"),
        ):
            stopped = self.assertRaises(SystemExit, parse, "--link-secret-file", file)
            start = f"twistd ecm: --link-secret-file {file}: {message}"
            self.assertTrue(str(stopped).startswith(start), str(stopped))

    def test_a_pipe_is_none_and_nobody_waits_for_it(self) -> None:
        self.file.unlink()
        os.mkfifo(self.file)
        stopped = self.assertRaises(SystemExit, parse, "--link-secret-file", str(self.file))
        self.assertIn(f"--link-secret-file {self.file}: Is a pipe", str(stopped))

    def test_a_file_that_others_can_read_or_change(self) -> None:
        for mode, is_open in ((0o600, False), (0o640, False), (0o644, True), (0o602, True)):
            self.file.chmod(mode)
            warnings = secret.warnings(str(self.file), ["tcp:127.0.0.1:5290"])
            self.assertEqual(len(warnings), is_open, oct(mode))
        self.assertIn(f"its mode is 0602: chmod o= {self.file}", warnings[0])

    def test_its_mode_is_read_with_it(self) -> None:
        """ECM may change its root and its user later, who may not see the file."""
        self.file.chmod(0o644)
        options = parse("--link-secret-file", str(self.file))
        self.file.unlink()
        self.assertEqual(len(options.warnings), 1)

    def test_no_secret(self) -> None:
        [warning] = secret.warnings(None, ["tcp:127.0.0.1:5290"])
        self.assertIn("whoever listens at tcp:127.0.0.1:5290", warning)
        self.assertEqual(parse().warnings, [warning])
        [several] = secret.warnings(None, ["unix:/e", "tcp:10.0.0.1:5290", "tcp:10.0.0.2:5290"])
        self.assertIn("listens at tcp:10.0.0.1:5290 tcp:10.0.0.2:5290 while", several)
        self.assertEqual(secret.warnings(None, ["unix:/run/ejabberd/ecm.sock"]), [])
        self.assertEqual(
            secret.warnings(None, ["tls:chat.example:5290", "unix:/e", "dns:tls:a:1"]), []
        )
