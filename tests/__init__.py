"""Megaphone's tests: plain trial TestCases, which trial and pytest both run."""

import os
from pathlib import Path

from hypothesis import settings
from hypothesis.database import DirectoryBasedExampleDatabase

# What has failed is tried first at the next run. Tests that run side by side share nothing: each
# worker of pytest has a database of its own.
_EXAMPLES = (
    Path(__file__).parent.parent / ".hypothesis" / os.environ.get("PYTEST_XDIST_WORKER", "alone")
)

# No deadlines, as the machines are shared; and the same examples at every run of the CI.
settings.register_profile(
    "megaphone",
    deadline=None,
    derandomize="CI" in os.environ,
    database=None if "CI" in os.environ else DirectoryBasedExampleDatabase(_EXAMPLES),
)
settings.load_profile("megaphone")
