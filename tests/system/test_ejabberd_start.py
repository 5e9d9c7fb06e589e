"""ejabberd starts with mod_ecm, which is a module and a listener: its log has no complaint."""

import re

from twisted.trial.unittest import TestCase

from testkit.own_ejabberd import OwnEjabberd

COMMANDS = ("ecm_evacuate", "ecm_restart", "ecm_stop")
COMPLAINT = re.compile(r"\[(?:error|critical)\].*")


class StartTests(TestCase):
    timeout = 120

    async def test_each_command_is_defined_once(self) -> None:
        """ejabberd 26.07 calls it an error to define one twice."""
        ejabberd = OwnEjabberd.start(self, "alice")
        for command in COMMANDS:
            said, _ = await ejabberd.control("help", command)
            self.assertIn(f"Command Name: {command}\n", said)
        self.assertIn("[info]", ejabberd.log)
        self.assertEqual(COMPLAINT.findall(ejabberd.log), [])
