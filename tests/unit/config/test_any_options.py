"""Options and files of any kind: settings, or one line that says what is wrong."""

from collections.abc import Sequence
from random import Random

from twisted.trial.unittest import TestCase

from ecm.config import config_file
from ecm.config.command_line import OPTIONS
from testkit.command_line import parse
from testkit.ecm_process import temporary_folder

SEED = 17

# What endpoints, and files, are made of.
PARTS = (
    *("tcp", "tcp6", "unix", "ssl", "tls", "starttls", "plain", "systemd", "dns", "srv", "haproxy"),
    *(
        ":",
        ":",
        "=",
        "\\",
        "port",
        "80",
        "-1",
        "interface",
        "::",
        "/tmp",
        "domain",
        "INET",
        "index",
    ),
    *(
        "name",
        "0",
        "mode",
        "660",
        "backlog",
        "privateKey",
        "trustRoots",
        "a.example",
        "\0",
        "\n",
        "é",
    ),
)
SIGNS = (
    *('"', "'", '"""', "=", "=", "[", "]", "{", "}", "\n", "\n", "#", " ", ",", ".", "\\", "\0"),
    *(
        "max-body",
        "listen",
        "www",
        "lean-tls",
        "true",
        "1",
        "1e9",
        "nan",
        "1979-05-27",
        "é",
        "\x7f",
    ),
)
WHICH = (
    *("listen", "admin", "proxy-protocol", "stream", "upstream", "www", "link-secret-file"),
    *("config", "path", "cors-origin", "host-meta", "trusted-proxy", "workers", "max-body"),
)


class AnyTests(TestCase):
    def setUp(self) -> None:
        self.random = Random(SEED)

    def text(self, parts: Sequence[str], most: int) -> str:
        return "".join(self.random.choices(parts, k=self.random.randrange(most)))

    def test_options(self) -> None:
        for _ in range(1500):
            option, text = self.random.choice(WHICH), self.text(PARTS, 8)
            try:
                parse(f"--{option}={text}")
            except SystemExit as refused:
                line = str(refused)
                self.assertTrue(line.startswith("twistd ecm: "), (option, text, line))
                self.assertNotIn("\n", line, (option, text))

    def test_files(self) -> None:
        file = temporary_folder(self) / "ecm.toml"
        for _ in range(3000):
            text = self.text(SIGNS, 12)
            file.write_text(text)
            try:
                config_file.read(str(file), OPTIONS)
            except ValueError as refused:
                self.assertRegex(str(refused), rf"\A{file}:[0-9]+: [^\n]+\Z", text)
