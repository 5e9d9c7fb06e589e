"""The locked versions of what Megaphone needs are enough for setup.cfg, and have hashes."""

import re
from configparser import ConfigParser

from packaging.markers import Marker
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version
from twisted.trial.unittest import TestCase

from testkit.paths import CHECKOUT

LOCK = CHECKOUT / "packaging" / "requirements.lock"
# A distribution and its version, where it is needed, and what pip compares it with.
LOCKED = re.compile(
    r"^(?P<name>[a-z0-9._-]+)==(?P<version>\S+?)(?: ; (?P<marker>.*?))? \\$"
    r"(?P<hashes>(?:\n    --hash=sha256:[0-9a-f]{64}(?: \\)?)+)",
    re.MULTILINE,
)


def locked() -> dict[str, re.Match[str]]:
    return {found["name"]: found for found in LOCKED.finditer(LOCK.read_text())}


def required() -> list[Requirement]:
    """Return what an installation needs, and what the packages bring beside it."""
    setup = ConfigParser()
    setup.read(CHECKOUT / "setup.cfg")
    lines = setup["options"]["install_requires"] + setup["options.extras_require"]["websocket"]
    return [Requirement(line) for line in lines.split("\n") if line]


class LockTests(TestCase):
    def test_it_has_what_setup_cfg_asks_for(self) -> None:
        lock = locked()
        for need in required():
            found = lock.get(canonicalize_name(need.name))
            assert found, f"{need.name} is not locked; run: make lock"
            version = Version(found["version"])
            self.assertIn(version, need.specifier, f"{need}; run: make lock")

    def test_each_line_that_names_a_distribution_was_understood(self) -> None:
        self.assertEqual(
            len(re.findall("^[a-z].*==", LOCK.read_text(), re.MULTILINE)), len(locked())
        )

    def test_nothing_in_it_is_for_another_python(self) -> None:
        for found in locked().values():
            if found["marker"]:
                self.assertTrue(Marker(found["marker"]).evaluate(), found["name"])
