"""Warnings of ports that more people may reach than should."""

from twisted.trial.unittest import TestCase

from ecm.config.exposed import admin_warnings


class AdminTests(TestCase):
    def test_this_machine_alone(self) -> None:
        for admin in (
            *(None, "unix:/run/ecm/admin.sock:mode=660", "systemd:domain=UNIX:index=0"),
            *("tcp:9461:interface=127.0.0.1", "tcp:9461:interface=127.0.0.53:backlog=50"),
            *(r"tcp:9461:interface=\:\:1", "tcp6:9461:interface=localhost"),
        ):
            self.assertEqual(admin_warnings(admin), [], admin)

    def test_others(self) -> None:
        for admin in (
            *("tcp:9461", "tcp:9461:interface=0.0.0.0", "tcp:9461:interface=192.0.2.1"),
            *("tcp:9461:interface=127.0.0.1.evil.example", r"tcp6:9461:interface=\:\:"),
        ):
            [warning] = admin_warnings(admin)
            self.assertIn(f"--admin {admin}: ", warning)
