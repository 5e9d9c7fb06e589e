"""The options of ``twistd ecm``."""

from contextlib import redirect_stdout
from io import StringIO

from twisted.trial.unittest import TestCase

from ecm import __version__, limits
from ecm.options import Options
from ecm.service import makeService


def parse(*arguments: str) -> Options:
    options = Options()
    options.parseOptions(list(arguments))
    return options


class OptionsTests(TestCase):
    def test_defaults(self) -> None:
        options = parse()
        self.assertEqual(options["listen"], ["tcp:5280"])
        self.assertEqual(options["upstream"], "tcp:127.0.0.1:5290")
        self.assertEqual(options["path"], ["/http-bind", "/bosh"])
        self.assertIsNone(options["www"])
        self.assertEqual(options["max-packet"], limits.MAX_PACKET)

    def test_what_is_given_takes_the_place_of_the_defaults(self) -> None:
        options = parse(
            *("--listen", "tcp:80", "--listen", "unix:/a", "--upstream", "unix:/b"),
            *("--path", "/a", "--path", "/b/", "--www", "/", "--max-packet", "655360"),
        )
        self.assertEqual(options["listen"], ["tcp:80", "unix:/a"])
        self.assertEqual(options["upstream"], "unix:/b")
        self.assertEqual(options["path"], ["/a", "/b/"])
        self.assertEqual(options["www"], "/")
        self.assertEqual(options["max-packet"], 655_360)

    def test_a_mistake_is_one_clear_line(self) -> None:
        mistakes = {
            ("--listen", "nonsense:1"): "--listen nonsense:1: this is no endpoint",
            ("--listen", "tcp:x"): "--listen tcp:x: this is no endpoint",
            ("--upstream", "tcp"): "--upstream tcp: this is no endpoint",
            ("--path", "bosh"): "--path bosh: a path begins with /",
            ("--path", "/a?b"): "--path /a?b: a path begins with /",
            ("--path", "/ü"): "--path /ü: a path begins with /",
            ("--www", "/no/such/folder"): "--www: there is no folder /no/such/folder",
            ("--max-packet", "1k"): "--max-packet 1k: give a number of bytes",
            ("--max-packet", "4095"): "--max-packet 4095: give a number of bytes",
            ("--max-packet", "10000000000"): "--max-packet 10000000000: give a number",
            ("--max-packet", "٣٣٣٣٣"): "--max-packet ٣٣٣٣٣: give a number",
            ("--nonsense",): "option --nonsense not recognized",
            ("nonsense",): "Wrong number of arguments",
        }
        for arguments, message in mistakes.items():
            stopped = self.assertRaises(SystemExit, parse, *arguments)
            self.assertTrue(str(stopped).startswith(f"twistd ecm: {message}"), str(stopped))
            self.assertNotIn("\n", str(stopped))

    def test_version_is_that_of_ecm(self) -> None:
        with redirect_stdout(StringIO()) as printed:
            stopped = self.assertRaises(SystemExit, parse, "--version")
        self.assertEqual((stopped.code, printed.getvalue()), (0, f"ecm {__version__}\n"))


class MakeServiceTests(TestCase):
    def test_the_service_has_the_link_and_each_port(self) -> None:
        service = makeService(parse("--listen", "tcp:0", "--listen", "tcp:0"))
        self.assertEqual(len(service.services), 3)

    def test_a_path_is_served_with_and_without_a_slash_at_its_end(self) -> None:
        for path in ("/a", "/a/"):
            service = makeService(parse("--path", path))
            self.assertEqual(service.services[1].factory.settings.paths, {b"/a", b"/a/"})
