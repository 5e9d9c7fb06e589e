"""The command line of ``ecmctl``."""

import contextlib
import io

from twisted.trial.unittest import TestCase

from ecm.tools.ctl.address import DEFAULT, Address, read
from ecm.tools.ctl.options import VARIABLE, Options, parse


class OptionsTests(TestCase):
    def refused(self, *arguments: str, environment: dict[str, str] | None = None) -> str:
        """Return the line with which a command line is refused."""
        said = io.StringIO()
        with contextlib.redirect_stderr(said), self.assertRaises(SystemExit) as ended:
            parse(arguments, environment or {})
        self.assertEqual(ended.exception.code, 2)
        self.assertEqual(said.getvalue().count("\n"), 1)
        return said.getvalue()

    def test_the_address_is_an_option_or_a_variable_or_the_usual_one(self) -> None:
        for arguments, environment, address in (
            (["status"], {}, read(DEFAULT)),
            (["status"], {VARIABLE: "unix:/a"}, Address(path="/a")),
            (["--admin", "tcp:1", "status"], {VARIABLE: "unix:/a"}, Address("", "localhost", 1)),
        ):
            self.assertEqual(parse(arguments, environment), Options(address, "status"))
        self.assertIn("is no admin endpoint", self.refused("status", environment={VARIABLE: "x"}))

    def test_each_command_has_its_own(self) -> None:
        here = read(DEFAULT)
        for text, options in (
            ("status --json", Options(here, "status", json=True)),
            ("status --watch", Options(here, "status", watch=2)),
            ("status --watch 10", Options(here, "status", watch=10)),
            ("ready --all", Options(here, "ready", every=True)),
            ("user a@b", Options(here, "user", who="a@b")),
            ("user 192.0.2.7 --json", Options(here, "user", who="192.0.2.7", json=True)),
            ("drain", Options(here, "drain")),
            ("drain 10m", Options(here, "drain", seconds=600)),
            ("restart 3", Options(here, "restart", worker=3)),
            ("log debug --for 60s", Options(here, "log", level="debug", seconds=60)),
            ("trace 192.0.2.1", Options(here, "trace", who="192.0.2.1", seconds=60)),
            ("trace ::1 --for 5 --json", Options(here, "trace", True, who="::1", seconds=5)),
            ("check --listen tcp:1", Options(here, "check", arguments=("--listen", "tcp:1"))),
        ):
            self.assertEqual(parse(text.split(), {}), options)

    def test_times(self) -> None:
        for text, seconds in (("0", 0), ("90", 90), ("90s", 90), ("10m", 600), ("24h", 86_400)):
            self.assertEqual(parse(["drain", text], {}).seconds, seconds)
        for text in ("", "m", "10x", "25h", "1.5m", "-1", "10 m", "٣"):
            self.assertIn("is no time up to a day", self.refused("drain", "--", text))

    def test_mistakes(self) -> None:
        for line in (
            *("", "nosuch", "restart", "restart 0", "restart x", "log", "log loud", "reload 1"),
            *("status --jso n", "ready --every", "drain 1m --for 2"),
        ):
            self.refused(*line.split())
