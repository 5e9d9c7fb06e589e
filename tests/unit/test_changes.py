"""The changes of a reload, and what it brings in force."""

import attrs
from twisted.trial.unittest import SynchronousTestCase

from ecm.changes import Changes, reloaded
from ecm.log.settings import LogSettings
from ecm.settings import Settings

BEFORE = Settings(
    admin="unix:/run/a",
    texts={"admin": ("unix:/run/a",), "workers": ("1",)},
    origins={"admin": "flag", "workers": "default"},
)
AFTER = Settings(
    admin="unix:/run/b",
    workers=2,
    reuse_port=True,
    metrics_per_worker=True,
    log=LogSettings(format="json", level="debug"),
    texts={"admin": ("unix:/run/b",), "workers": ("2",)},
    origins={"admin": "a.toml:1", "workers": "a.toml:2"},
)


class ChangesTests(SynchronousTestCase):
    def test_what_is_read_once_needs_a_restart(self) -> None:
        changes = Changes.between(BEFORE, AFTER)
        self.assertEqual(changes.names, ("workers", "log-level"))
        fixed = ("reuse-port", "admin", "metrics-per-worker", "log-format")
        self.assertEqual(changes.fixed, fixed)

    def test_that_stays_as_it_was_until_then(self) -> None:
        settings = reloaded(BEFORE, AFTER)
        expected = attrs.evolve(BEFORE, workers=2, log=attrs.evolve(BEFORE.log, level="debug"))
        self.assertEqual(settings, expected)
        self.assertEqual(settings.texts, {"admin": ("unix:/run/a",), "workers": ("2",)})
        self.assertEqual(settings.origins, {"admin": "flag", "workers": "a.toml:2"})
        self.assertEqual(Changes.between(settings, AFTER).names, ())
        self.assertEqual(len(Changes.between(settings, AFTER).fixed), 4)
