"""The files of the container image agree with each other, and with the options of ECM."""

import re
import tomllib

from twisted.trial.unittest import TestCase

from ecm.config.command_line import OPTIONS
from ecm.tools.ctl.address import Address, read
from testkit.paths import CHECKOUT

FOLDER = CHECKOUT / "deploy" / "container"
IMAGE = (FOLDER / "Containerfile").read_text()
COMPOSE = (FOLDER / "compose.yaml").read_text()
EJABBERD = (FOLDER / "ejabberd.yml").read_text()
CONFIG = tomllib.loads((FOLDER / "ecm.toml").read_text())


class ImageTests(TestCase):
    def test_its_file_has_options_of_ecm(self) -> None:
        for name, value in CONFIG.items():
            option = OPTIONS[name]
            for text in value if option.collect else [value]:
                option.read(str(text))

    def test_it_runs_with_its_file_and_without_rights(self) -> None:
        self.assertIn("COPY deploy/container/ecm.toml /etc/ecm/ecm.toml\n", IMAGE)
        self.assertIn('CMD ["--config", "/etc/ecm/ecm.toml"]\n', IMAGE)
        self.assertIn("USER 65532:65532\n", IMAGE)

    def test_its_health_is_asked_where_ecm_answers_within_it(self) -> None:
        self.assertIn('CMD ["ecmctl", "ready"]\n', IMAGE)
        endpoint = re.search(r"ECM_ADMIN=(\S+)", IMAGE)
        assert endpoint
        OPTIONS["admin"].read(endpoint[1])
        self.assertEqual(read(endpoint[1]), Address(host="127.0.0.1", port=9461))
        self.assertNotIn("admin", CONFIG)

    def test_the_port_is_the_same_everywhere(self) -> None:
        (listen,) = CONFIG["listen"]
        port = listen.partition(":")[2]
        self.assertIn(f"EXPOSE {port}\n", IMAGE)
        self.assertIn(f'- "127.0.0.1:{port}:{port}"\n', COMPOSE)

    def test_what_it_copies_is_there(self) -> None:
        for source in re.findall(r"^COPY ([^-\s]\S*) /", IMAGE, re.MULTILINE):
            self.assertTrue((CHECKOUT / source).exists(), source)
        self.assertIn("/source/packaging/requirements.lock", IMAGE)


class ComposeTests(TestCase):
    def test_ecm_finds_ejabberd_and_its_secret(self) -> None:
        (upstream,) = CONFIG["upstream"]
        _, service, port = upstream.split(":")
        self.assertIn(f"\n  {service}:\n    image: ", COMPOSE)
        self.assertIn(f"\n    port: {port}\n", EJABBERD)
        secret = re.search(r"secret_file: (.*)/(.*)\n", EJABBERD)
        volumes = dict(re.findall(r"- secret:(/[^:\n]*)(.*)\n", COMPOSE))
        assert secret
        self.assertEqual(volumes, {secret[1]: "", "/secret": ":ro"})
        self.assertEqual(CONFIG["link-secret-file"], f"/secret/{secret[2]}")

    def test_files_of_the_host_are_there(self) -> None:
        self.assertIn("./ejabberd.yml:", COMPOSE)
        self.assertIn("dockerfile: deploy/container/Containerfile\n", COMPOSE)
