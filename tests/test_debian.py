"""The Debian packages agree with the units, the programs and the files that they are made of."""

import os
import re
import subprocess
import tomllib
from pathlib import Path
from tempfile import TemporaryDirectory

from twisted.trial.unittest import TestCase

from ecm import __version__
from ecm.net.certificates import read_folder
from testkit.certificates import make_certificate
from testkit.paths import CHECKOUT
from testkit.programs import entry_points

DEBIAN = CHECKOUT / "packaging" / "debian"
MODULE = CHECKOUT / "packaging" / "ejabberd-mod-ecm"
DEPLOY = CHECKOUT / "deploy"
# Of the unit, and of the environment in the package.
BY_HAND, PACKAGED = "/opt/megaphone/bin/", "/usr/lib/ecm/bin/"


def words(name: str) -> list[list[str]]:
    """Return the words of each line of a file that debhelper reads."""
    lines = (DEBIAN / name).read_text().splitlines()
    return [line.split() for line in lines if line and not line.startswith("#")]


class ContentTests(TestCase):
    def test_the_version_is_that_of_ecm(self) -> None:
        first = (DEBIAN / "changelog").read_text().splitlines()[0]
        self.assertTrue(first.startswith(f"megaphone ({__version__}) "), first)

    def test_the_restart_that_is_advised_is_one_for_systemd(self) -> None:
        """ecm_restart refuses there, where Debian's ejabberd runs."""
        said = (DEBIAN / "ejabberd-mod-ecm.postinst").read_text()
        self.assertIn("ejabberdctl ecm_stop; ejabberdctl stopped; systemctl start ejabberd", said)
        self.assertNotIn("ecm_restart", said)

    def test_each_program_is_in_the_path(self) -> None:
        linked = {target: source for source, target in words("ecm.links")}
        expected = {f"usr/bin/{name}": f"{PACKAGED[1:]}{name}" for name, _ in entry_points()}
        self.assertEqual(linked, expected)

    def test_files_that_the_packages_have_are_there(self) -> None:
        for name in ("install", "docs", "examples", "manpages"):
            for file in DEBIAN.glob(f"*.{name}"):
                for line in words(file.name):
                    made = line[0].startswith("manual/")  # by tools/build-deb
                    self.assertTrue(made or (CHECKOUT / line[0]).exists(), f"{file.name}: {line}")

    def test_the_options_are_where_the_unit_looks_for_them(self) -> None:
        places = {
            source: f"/{target}/{Path(source).name}" for source, target in words("ecm.install")
        }
        unit = (DEPLOY / "ecm.service").read_text()
        self.assertRegex(unit, rf"--config {places['deploy/ecm.toml']}\s")

    def test_a_unit_of_the_package_names_nothing_of_an_installation_by_hand(self) -> None:
        self.assertIn(f"s,{BY_HAND},$(PLACE)/bin/,g", (DEBIAN / "rules").read_text())
        self.assertIn(f"PLACE = {PACKAGED.removesuffix('/bin/')}\n", (DEBIAN / "rules").read_text())
        for unit in ("ecm.service", "ecm.socket"):
            text = (DEPLOY / unit).read_text().replace(BY_HAND, PACKAGED)
            self.assertNotIn("/opt/", text, unit)
            self.assertNotIn("/usr/local/", text, unit)

    def test_ecm_starts_in_the_foreground_as_the_unit_does_it(self) -> None:
        unit = (DEPLOY / "ecm.service").read_text()
        found = re.search(r"^ExecStart=(.*?) --config", unit, re.MULTILINE)
        assert found
        program = (CHECKOUT / "packaging" / "ecm").read_text()
        self.assertIn(f"exec {found[1].replace(BY_HAND, PACKAGED)} ", program)

    def test_ecm_finds_the_listener_of_the_module(self) -> None:
        listener = (MODULE / "mod_ecm.yml").read_text()
        options = tomllib.loads((DEPLOY / "ecm.toml").read_text())
        unit = (DEPLOY / "ecm.service").read_text()
        port = re.search(r"port: (\d+)", listener)
        secret = re.search(r'secret_file: "(.*)"', listener)
        assert port and secret
        self.assertEqual(options["upstream"], [f"tcp:127.0.0.1:{port[1]}"])
        self.assertIn(f":{secret[1]}\n", unit)

    def test_the_module_is_where_its_scripts_look_for_it(self) -> None:
        places = {
            Path(source).name: f"/{target}" for source, target in words("ejabberd-mod-ecm.install")
        }
        compiles = f"{places['compile']}/compile"
        self.assertIn(f"sources={places['src']}/src\n", (MODULE / "compile").read_text())
        self.assertIn(f"ExecStartPre=-+{compiles}\n", (MODULE / "compile.conf").read_text())
        for script in ("postinst", "prerm"):
            self.assertIn(compiles, (DEBIAN / f"ejabberd-mod-ecm.{script}").read_text())
        self.assertIn(
            f"available={places['mod_ecm.yml']}/mod_ecm.yml\n",
            (DEBIAN / "ejabberd-mod-ecm.postinst").read_text(),
        )

    def test_scripts_are_for_any_shell(self) -> None:
        scripts = [*DEBIAN.glob("*.p*inst"), *DEBIAN.glob("*.p*rm"), MODULE / "compile"]
        self.assertGreater(len(scripts), 5)
        for script in scripts:
            self.assertTrue(script.read_text().startswith("#!/bin/sh\n"), script)
            subprocess.run(["sh", "-n", script], check=True)


class CertbotHookTests(TestCase):
    """The hook, with a certificate as certbot has it, and a systemctl that notes its words."""

    def setUp(self) -> None:
        self.folder = Path(self.enterContext(TemporaryDirectory()))
        self.lineage = self.folder / "live" / "chat.example"
        self.lineage.mkdir(parents=True)
        made = make_certificate(self.lineage)
        made.key.rename(self.lineage / "privkey.pem")
        made.certificate.rename(self.lineage / "fullchain.pem")
        systemctl = self.folder / "systemctl"
        systemctl.write_text(f'#!/bin/sh\necho "$@" >>{self.folder}/said\n')
        systemctl.chmod(0o755)

    def run_hook(self) -> None:
        environment = {
            "PATH": f"{self.folder}:{os.environ['PATH']}",
            "ECM_CERTIFICATES": str(self.folder / "certificates"),
            "ECM_GROUP": str(os.getgid()),
            "RENEWED_LINEAGE": str(self.lineage),
            "RENEWED_DOMAINS": "localhost",
        }
        subprocess.run([DEPLOY / "certbot-hook"], env=environment, check=True)

    def test_ecm_can_read_what_certbot_has_renewed(self) -> None:
        for _ in ("at first", "renewed"):
            self.run_hook()
            (file,) = (self.folder / "certificates").iterdir()
            self.assertEqual(file.name, "chat.example.pem")
            self.assertEqual(file.stat().st_mode & 0o777, 0o640)
            (identity,) = read_folder(file.parent)
            self.assertEqual(set(identity.names), {"localhost"})
        said = (self.folder / "said").read_text().splitlines()
        self.assertEqual(said, ["reload ecm.service"] * 2)
