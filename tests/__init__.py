"""Megaphone's tests: plain trial TestCases, which trial and pytest both run."""

import os

from hypothesis import settings

# No deadlines, as the machines are shared; and the same examples at every run of the CI.
settings.register_profile("megaphone", deadline=None, derandomize="CI" in os.environ)
settings.load_profile("megaphone")
