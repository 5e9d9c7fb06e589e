"""``ecm-doctor`` as people call it."""

import io
import json
import os
import subprocess
import sys
from configparser import ConfigParser
from contextlib import redirect_stderr, redirect_stdout
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from twisted.trial.unittest import TestCase

from ecm.tools.doctor import measured
from ecm.tools.doctor.diagnosis import MAX_USERS
from ecm.tools.doctor.main import main
from ecm.tools.doctor.options import Options, parse
from ecm.tools.doctor.plan import Plan, Sessions, Tls, Transport
from testkit.fake_machines import FILES, write
from testkit.paths import CHECKOUT


class OptionsTests(TestCase):
    def test_defaults(self) -> None:
        self.assertEqual(parse([]), Options(None, Plan(1, None), False))

    def test_all_given(self) -> None:
        given = ["--users", "5", "--connections", "2", "--workers", "3", "--json"]
        given += ["--transport", "websocket", "--tls", "lean", "--sessions", "ecm"]
        given += ["--upstream", "tcp:a:1", "--upstream", "unix:/b"]
        plan = Plan(2, 3, Transport.WEBSOCKET, Tls.LEAN, Sessions.ECM)
        self.assertEqual(parse(given), Options(5, plan, True, ("tcp:a:1", "unix:/b")))
        self.assertEqual(parse(["--workers", "auto"]), parse([]))

    def test_mistakes_are_one_line_and_status_2(self) -> None:
        for given in (
            ["--users", "0"],
            ["--users", "-1"],
            ["--users", "1e6"],
            ["--users", "٣"],
            ["--users", str(MAX_USERS + 1)],
            ["--users"],
            ["--workers", "0"],
            ["--workers", "1025"],
            ["--workers", "many"],
            ["--connections", "7"],
            ["--transport", "smtp"],
            ["--tls", "rustls"],
            ["--sessions", "redis"],
            ["--upstream", "tls:a:1"],
            ["--unknown"],
            ["stray"],
        ):
            said = io.StringIO()
            with redirect_stderr(said), self.assertRaises(SystemExit) as exit:
                parse(given)
            self.assertEqual(exit.exception.code, 2, given)
            self.assertRegex(said.getvalue(), r"\Aecm-doctor: [^\n]+\n\Z")

    def test_help(self) -> None:
        said = io.StringIO()
        with redirect_stdout(said), self.assertRaises(SystemExit) as exit:
            parse(["--help"])
        self.assertEqual(exit.exception.code, 0)
        for text in ("--users N", "N|auto", "default: auto", "default: 1)", "Exit status: 0"):
            self.assertIn(text, " ".join(said.getvalue().split()))


class MainTests(TestCase):
    def setUp(self) -> None:
        self.root = Path(self.enterContext(TemporaryDirectory()))

    def run_main(self, *arguments: str) -> tuple[int, str]:
        """The exit status, and what is printed."""
        said = io.StringIO()
        with redirect_stdout(said):
            status = main(arguments, self.root)
        return status, said.getvalue()

    def test_users_who_fit(self) -> None:
        write(self.root, FILES)
        status, said = self.run_main("--users", "100000")
        self.assertEqual(status, 0)
        title = "100,000 users with 100,000 connections\non 4 workers, over BOSH without TLS\n\n"
        self.assertTrue(said.startswith(title), said)
        self.assertRegex(said, r"conntrack\) +262,144 +100,017 +262,127  fits\n")
        self.assertTrue(said.endswith("\nRoom for 100,000 users: yes.\n"))

    def test_users_who_do_not_fit(self) -> None:
        write(self.root, FILES)
        status, said = self.run_main("--users", "1000000")
        self.assertEqual(status, 1)
        self.assertRegex(said, r"1,000,017 +262,127  SHORT\n    sysctl -w \S+_max=1100000\n")
        self.assertIn("written to /etc/sysctl.d/90-ecm.conf,\n", said)
        self.assertIn("Bottleneck: connections tracked (conntrack).\n", said)
        self.assertTrue(said.endswith("\nRoom for 1,000,000 users: NO.\n"))

    def test_how_many_fit(self) -> None:
        write(self.root, FILES)
        status, said = self.run_main()
        self.assertEqual(status, 0)
        self.assertIn("Room for users, as far as is known: 262,127.\n", said)
        self.assertIn("1,024, which ECM can raise to 524,288;\n", said)
        self.assertNotIn("SHORT", said)
        self.assertTrue(said.endswith("\necm-doctor --users NUMBER tells what more users need.\n"))

    def test_the_greatest_numbers_fit_in_80_columns(self) -> None:
        write(self.root, FILES)
        _, said = self.run_main(
            *("--users", str(MAX_USERS), "--connections", "6", "--workers", "1")
        )
        self.assertLessEqual(max(map(len, said.splitlines())), 80)

    def test_the_transport_and_its_tls_are_told(self) -> None:
        write(self.root, FILES)
        for transport, tls, told in (
            ("websocket", "lean", "over WebSocket with lean TLS\n"),
            ("tcp", "openssl", "over TCP with TLS\n"),
        ):
            _, said = self.run_main("--users", "9", "--transport", transport, "--tls", tls)
            self.assertIn(f"\non 4 workers, {told}", said)

    def test_nothing_known(self) -> None:
        status, said = self.run_main("--users", "5")
        self.assertEqual(status, 0)
        self.assertRegex(said, r"\nmemory of the machine +\? +0.1[0-9] GB +-  not known\n")
        self.assertIn("Not known: memory of the machine.\n", said)
        self.assertIn("Room for users, as far as is known: any.\n", said)

    def test_json(self) -> None:
        write(self.root, FILES)
        status, said = self.run_main("--users", "1000000", "--json")
        found: dict[str, Any] = json.loads(said)
        self.assertEqual((status, found["fits"], found["room"]), (1, False, 262_127))
        self.assertEqual(found["first"], "connections tracked (conntrack)")
        kernel = 1_000_000 * measured.KERNEL_PER_CONNECTION
        self.assertEqual(found["memory"]["kernel"], kernel)
        self.assertEqual((found["transport"], found["tls"]), ("bosh", "none"))
        self.assertEqual(found["machine"]["soft_files"], 1024)
        self.assertEqual(found["machine"]["file_max"], "unlimited")
        [tracked] = [one for one in found["findings"] if one["name"] == found["first"]]
        expected = {
            "name": "connections tracked (conntrack)",
            "have": 262_144,
            "need": 1_000_017,
            "room": 262_127,
            "verdict": "short",
            "mend": ["sysctl -w net.netfilter.nf_conntrack_max=1100000"],
        }
        self.assertEqual(tracked, expected)


class InstalledTests(TestCase):
    def test_script(self) -> None:
        setup = ConfigParser(delimiters=("=",))
        setup.read(CHECKOUT / "setup.cfg")
        scripts = dict(
            line.split(" = ")
            for line in setup["options.entry_points"]["console_scripts"].strip().splitlines()
        )
        module, _, name = scripts["ecm-doctor"].partition(":")
        self.assertIs(getattr(import_module(module), name), main)

    def test_real_machine(self) -> None:
        """One user fits where the tests run."""
        done = self.run_script(subprocess.PIPE)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertTrue(done.stdout.endswith("\nRoom for 1 user: yes.\n"), done.stdout)

    def test_nobody_reads_it(self) -> None:
        ours, its = os.pipe()
        os.close(ours)
        self.addCleanup(os.close, its)
        done = self.run_script(its)
        self.assertEqual((done.returncode, done.stderr), (0, ""))

    def run_script(self, output: int) -> "subprocess.CompletedProcess[str]":
        program = "import sys; from ecm.tools.doctor.main import main; sys.exit(main())"
        return subprocess.run(
            [sys.executable, "-c", program, "--users", "1"],
            cwd=CHECKOUT,
            stdout=output,
            stderr=subprocess.PIPE,
            text=True,
        )
