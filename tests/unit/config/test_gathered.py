"""Settings from flags, the environment and a file."""

import os

import attrs
from twisted.trial.unittest import TestCase

from ecm.config.command_line import OPTIONS, Options
from ecm.settings import Settings
from testkit.command_line import parse
from testkit.ecm_process import temporary_folder


class GatheredTests(TestCase):
    def setUp(self) -> None:
        self.file = temporary_folder(self) / "ecm.toml"
        self.config = f"--config={self.file}"

    def set(self, name: str, value: str) -> None:
        self.patch(os, "environ", {name: value})

    def refused(self, *arguments: str) -> str:
        return str(self.assertRaises(SystemExit, parse, *arguments))

    def test_a_flag_goes_before_a_variable_and_that_before_the_file(self) -> None:
        self.file.write_text("max-body = 5001\n")
        for variable, flags, expected, origin in (
            ("", (), 5001, f"{self.file}:1"),
            ("5002", (), 5002, "ECM_MAX_BODY"),
            ("5002", ("--max-body=5003",), 5003, "flag"),
        ):
            self.set("ECM_MAX_BODY", variable)
            settings = parse(self.config, *flags).settings
            self.assertEqual(settings.clients.request.max_body, expected)
            self.assertEqual(settings.origins["max-body"], origin)

    def test_values_of_two_sources_do_not_add_up(self) -> None:
        self.file.write_text('path = ["/a", "/b"]\nlean-tls = true\n')
        self.set("ECM_LEAN_TLS", "false")
        settings = parse(self.config, "--path=/c").settings
        self.assertEqual(settings.clients.paths, (b"/c", b"/c/"))
        self.assertFalse(settings.lean_tls)

    def test_the_file_may_be_named_by_a_variable(self) -> None:
        self.file.write_text("\nmax-body = 5001\n")
        self.set("ECM_CONFIG", str(self.file))
        settings = parse().settings
        self.assertEqual(
            (settings.config, settings.origins["max-body"]), (str(self.file), f"{self.file}:2")
        )
        self.assertEqual(settings.origins["config"], "ECM_CONFIG")

    def test_a_file_names_no_other_one(self) -> None:
        self.file.write_text('config = "/a"\n')
        self.assertIn(f"{self.file}:1: there is no option config", self.refused(self.config))

    def test_mistakes_have_their_place(self) -> None:
        self.file.write_text("# x\nmax-body = 3\n")
        self.assertIn(
            f"twistd ecm: {self.file}:2: --max-body 3: give a number", self.refused(self.config)
        )
        self.file.write_text("max-packet = 10000\n\nmax-body = 10000\n")
        self.assertIn(
            f"{self.file}:3: --max-body: no packet can carry it", self.refused(self.config)
        )
        self.file.write_text("\nmax-packet = 10000\n")
        self.assertIn(f"{self.file}:2: --max-body: no packet", self.refused(self.config))
        self.assertIn("twistd ecm: --max-body 3: give", self.refused(self.config, "--max-body=3"))
        self.set("ECM_MAX_BODY", "3")
        self.assertIn("twistd ecm: ECM_MAX_BODY: --max-body 3: give", self.refused())

    def test_each_option_has_its_texts_and_its_origin(self) -> None:
        settings = parse("--upstream=unix:/a").settings
        self.assertEqual(settings.texts.keys(), OPTIONS.keys())
        self.assertEqual(settings.origins.keys(), OPTIONS.keys())
        self.assertEqual(settings.texts["upstream"], ("unix:/a",))
        self.assertEqual(settings.texts["path"], ("/http-bind", "/bosh"))
        self.assertEqual(settings.texts["www"], ())
        self.assertEqual(settings.origins["path"], "default")

    def test_the_texts_of_the_defaults_give_the_defaults(self) -> None:
        texts = parse().settings.texts
        arguments = [
            f"--{name}={text}"
            for name, given in texts.items()
            for text in given
            if OPTIONS[name].unit
        ]
        self.assertEqual(parse(*arguments).settings, parse().settings)

    def test_with_a_proxy_alone_there_is_no_other_endpoint(self) -> None:
        settings = parse("--proxy-protocol=tcp:0").settings
        self.assertEqual((settings.texts["listen"], settings.origins["listen"]), ((), "default"))

    def test_a_secret_is_in_neither(self) -> None:
        secret = self.file.with_name("secret")
        secret.write_text("0123456789abcdef")
        settings = parse(f"--link-secret-file={secret}").settings
        self.assertEqual(settings.texts["link-secret-file"], (str(secret),))
        self.assertNotIn("0123456789abcdef", repr((settings.texts, settings.origins)))

    def test_where_it_comes_from_makes_no_difference(self) -> None:
        self.file.write_text("max-body = 5001\n")
        self.assertEqual(
            parse("--max-body=5001").settings, as_without_file(parse(self.config).settings)
        )


def as_without_file(settings: Settings) -> Settings:
    return attrs.evolve(settings, config=None)


class AgainTests(TestCase):
    def setUp(self) -> None:
        self.file = temporary_folder(self) / "ecm.toml"
        self.file.write_text("max-body = 5001\n")
        self.options: Options = parse(f"--config={self.file}", "--queue-timeout=7")

    def test_what_has_changed_since_counts(self) -> None:
        self.file.write_text("max-body = 5002\nqueue-timeout = 8\n")
        settings = self.options.again()
        self.assertEqual(settings.clients.request.max_body, 5002)
        self.assertEqual(settings.queue_timeout, 7)
        self.assertEqual(self.options.settings.clients.request.max_body, 5001)

    def test_a_mistake_is_a_value_error_with_its_place(self) -> None:
        self.file.write_text("\nmax-body = 3\n")
        with self.assertRaisesRegex(ValueError, f"^{self.file}:2: --max-body 3: give a number"):
            self.options.again()
