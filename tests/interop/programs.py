"""Programs that a test starts, each in its own environment; none outlives the tests."""

import os
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

from twisted.internet import reactor
from twisted.trial.unittest import TestCase

from testkit.process import Process

# The kernel kills the program when the tests are killed.
WITH_THE_TESTS = ("/usr/bin/setpriv", "--pdeathsig", "KILL", "--")

PIPES = {0: "w", 1: "r", 2: "r"}


def start(
    test: TestCase,
    *command: str,
    process: Process | None = None,
    environment: Mapping[str, str] = {},
    files: Mapping[int, int | str] = PIPES,
) -> Process:
    """Start a program, which is stopped when the test ends. ``files`` is Twisted's childFDs."""
    process = process or Process()
    arguments = [*WITH_THE_TESTS, *command]
    environment = {**os.environ, **environment}
    reactor.spawnProcess(process, arguments[0], arguments, env=environment, childFDs=files)
    test.addCleanup(process.stop)
    return process


def temporary_folder(test: TestCase) -> Path:
    """A folder that is removed when the test ends."""
    return Path(test.enterContext(TemporaryDirectory(prefix="megaphone-interop-")))
