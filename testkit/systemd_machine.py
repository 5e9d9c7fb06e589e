"""A machine in namespaces, with systemd as its process 1: what ``systemd-machine`` boots."""

import os
import sys
from pathlib import Path
from unittest import SkipTest

from twisted.trial.unittest import TestCase

from testkit.paths import CHECKOUT
from testkit.process import start

_DEBIANS_PYTHON = "/usr/bin/python3"


class Machine:
    """``first`` is the ID of its process 1, and ``shared`` the folder that is /srv/shared there."""

    def __init__(self, test: TestCase, first: int) -> None:
        self._test = test
        self._first = first

    @classmethod
    async def boot(cls, test: TestCase, shared: Path) -> "Machine":
        """Boot it; it ends with the test. ``shared`` has its units.

        Skips the test if that cannot be done here.
        """
        process = start(test, str(CHECKOUT / "testkit" / "systemd-machine"), str(shared))
        try:
            found = await process.printed("process 1 is ([0-9]+)")
        except AssertionError:
            raise SkipTest(process.output.strip()) from None
        machine = cls(test, int(found[1]))
        await machine.run("until [ -S /run/systemd/private ]; do sleep 0.05; done")
        await machine.run("systemctl is-system-running --wait || true")
        return machine

    async def run(self, command: str, status: int = 0) -> str:
        """Run a command of the shell there, and return what it prints. Fails at another status."""
        process = start(
            self._test, *("nsenter", "-t", str(self._first), "--all", "sh", "-c", command)
        )
        ended = await process.ended
        assert ended == status, f"{command}: status {ended}: {process.output}"
        return process.output.strip()


def twistd() -> str:
    """Return a program that runs twistd as any user: with Debian's Python, and our packages.

    Skips the test where that Python cannot have them.
    """
    folders = [str(CHECKOUT), *(each for each in sys.path if each.endswith("site-packages"))]
    same = os.path.realpath(_DEBIANS_PYTHON).endswith("python{}.{}".format(*sys.version_info))
    if not same or any(each.startswith(("/root/", "/home/")) for each in folders):
        raise SkipTest("Debian's Python is another one, or this folder is for its owner alone")
    return (
        f"#!/bin/sh\nPYTHONPATH={':'.join(folders)} exec {_DEBIANS_PYTHON} -P -c"
        " 'import sys; from twisted.scripts.twistd import run; sys.exit(run())' \"$@\"\n"
    )
