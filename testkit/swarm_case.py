"""Tests with ``ecm-swarm`` as a process."""

import json
import sys
from pathlib import Path
from typing import Any

from testkit.ecm_process import EcmTestCase, temporary_folder
from testkit.process import Process, start

USERS = 50


class SwarmTestCase(EcmTestCase):
    def setUp(self) -> None:
        self.output = temporary_folder(self) / "result"

    def swarm(self, url: str, *arguments: str) -> Process:
        """Start a swarm of 50."""
        module = ("-u", "-m", "ecm.tools.swarm.main", url, "--output", str(self.output))
        many = ("--users", str(USERS), "--rate", "max", "--processes", "2", "--patience", "20")
        return start(self, sys.executable, *module, *many, *arguments)

    async def result(self, swarm: Process, status: int) -> Any:
        """Wait for the end of a swarm, which has to have this status, and return what it wrote."""
        self.assertEqual(await swarm.ended, status, swarm.output)
        return json.loads(Path(f"{self.output}.json").read_text())

    def all_was_well(self, result: Any) -> None:
        self.assertTrue(result["ok"])
        self.assertEqual(result["errors"], {})
        users, messages = result["users"], result["messages"]
        self.assertEqual((users["logins"], users["left"], users["most online"]), (USERS,) * 3)
        self.assertEqual(messages["arrived"], messages["sent"])
