"""Options in the environment."""

from twisted.trial.unittest import TestCase

from ecm.config import environment
from ecm.config.command_line import OPTIONS
from ecm.config.sources import Source


class EnvironmentTests(TestCase):
    def read(self, **variables: str) -> dict[str, Source]:
        return environment.read(variables, OPTIONS)

    def test_values(self) -> None:
        for variable, text, name, texts in (
            ("ECM_MAX_BODY", "5000", "max-body", ("5000",)),
            ("ECM_MAX_BODY", " x y ", "max-body", ("x y",)),
            ("ECM_LISTEN", "tcp:1  tcp:2", "listen", ("tcp:1", "tcp:2")),
            ("ECM_LEAN_TLS", "true", "lean-tls", ("true",)),
            ("ECM_LEAN_TLS", "false", "lean-tls", ("false",)),
        ):
            self.assertEqual(self.read(**{variable: text}), {name: Source(texts, variable)})

    def test_what_is_empty_gives_nothing(self) -> None:
        self.assertEqual(self.read(ECM_MAX_BODY="", ECM_LISTEN=" ", ECM_LEAN_TLS=""), {})

    def test_a_flag_is_true_or_false(self) -> None:
        for text in ("1", "yes", "True"):
            with self.assertRaisesRegex(ValueError, "^ECM_LEAN_TLS: give true or false$"):
                self.read(ECM_LEAN_TLS=text)

    def test_a_name_that_is_nearly_one_of_an_option(self) -> None:
        """Those of Kubernetes, for a service that is called ecm, are not."""
        found = dict.fromkeys(
            ("ECM_MAX_BODDY", "ECM_MAX_BODY", "ECM_PORT", "ECM_SERVICE_HOST", "MAX_BODDY"), "1"
        )
        self.assertEqual(
            environment.warnings(found, OPTIONS),
            ["ECM_MAX_BODDY is no option; perhaps ECM_MAX_BODY"],
        )
