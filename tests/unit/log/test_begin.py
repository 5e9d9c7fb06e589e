"""The beginning of the log in the process of twistd."""

from twisted.trial.unittest import TestCase

from ecm.errors import StartupError
from ecm.log.begin import of_twistd
from ecm.log.level import THRESHOLD
from ecm.log.settings import LogSettings
from ecm.net.reactor import global_reactor


class OfTwistdTests(TestCase):
    def setUp(self) -> None:
        self.patch(THRESHOLD, "level", "info")

    def test_syslog_is_left_to_twistd(self) -> None:
        begun = of_twistd(LogSettings(), {"syslog": True}, global_reactor())
        self.assertEqual(begun, (None, None))

    def test_a_daemon_has_no_stdout(self) -> None:
        with self.assertRaises(StartupError):
            of_twistd(LogSettings(), {"logfile": "-"}, global_reactor())

    def test_the_level_holds_from_now_on(self) -> None:
        of_twistd(LogSettings(level="error"), {"syslog": True}, global_reactor())
        self.assertEqual(THRESHOLD.level, "error")
        THRESHOLD.set("info")
