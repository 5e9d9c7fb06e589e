"""The warning for ports without TLS that everybody may reach."""

from twisted.trial.unittest import TestCase

from testkit.command_line import parse

EXPOSED = (
    "plain:tcp:5222",
    "plain:tcp6:5222",
    "plain:tcp:5222:interface=0.0.0.0",
    "plain:tcp:5222:interface=:backlog=9",
    r"plain:tcp6:5222:interface=\:\:",
)
GUARDED = (
    "plain:tcp:5222:interface=127.0.0.1",
    "plain:tcp:5222:backlog=9:interface=10.0.0.1",
    r"plain:tcp6:5222:interface=\:\:1",
    "plain:unix:/run/ecm.sock",
)


class ExposedTests(TestCase):
    def warned(self, *arguments: str) -> list[str]:
        said = parse("--upstream", "unix:/e", *arguments).warnings
        return [each for each in said if "passwords in the clear" in each]

    def test_a_port_for_everybody_is_warned_of(self) -> None:
        for option in ("--stream", "--stream-proxy-protocol"):
            for endpoint in EXPOSED:
                (warning,) = self.warned(option, endpoint)
                self.assertTrue(warning.startswith(f"{endpoint}"), warning)

    def test_others_are_not(self) -> None:
        for endpoint in GUARDED:
            self.assertEqual(self.warned("--stream", endpoint), [])
