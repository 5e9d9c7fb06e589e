"""Processes that the tests start once and share: they live as long as the tests."""

import atexit
from contextlib import ExitStack

# Closed when the tests end: by pytest, before it waits for its workers (conftest.py); by trial, and
# where nothing else does, with the process.
LASTING = ExitStack()
atexit.register(LASTING.close)
