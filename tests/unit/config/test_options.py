"""The options of ``twistd ecm``."""

import os
import resource
from contextlib import redirect_stdout
from io import StringIO
from ipaddress import ip_network

import attrs
from twisted.trial.unittest import TestCase

from ecm import __version__, limits
from ecm.config.command_line import secret_warnings
from ecm.config.numbers import NUMBERS
from ecm.frontend.proxied import ProxiedFactory
from ecm.frontend.settings import FrontendSettings
from ecm.http.client_address import FORWARDED, TrustedProxies
from ecm.http.cors import Cors
from ecm.http.request import RequestLimits
from ecm.limits import MAX_CONTENT
from ecm.link.settings import LinkMode, LinkSettings
from ecm.server import Server
from ecm.service import OneProcess, makeService
from testkit.command_line import parse
from testkit.ecm_process import temporary_folder


class OptionsTests(TestCase):
    def test_defaults(self) -> None:
        options = parse()
        self.assertEqual(options["listen"], ["tcp:5280:backlog=4096"])
        self.assertEqual(options["upstream"], "tcp:127.0.0.1:5290")
        self.assertEqual(options["path"], ["/http-bind", "/bosh"])
        self.assertIsNone(options["www"])
        self.assertEqual(options["max-packet"], limits.MAX_PACKET)

    def test_what_is_given_takes_the_place_of_the_defaults(self) -> None:
        options = parse(
            *("--listen", "tcp:80:backlog=7", "--listen", "unix:/a", "--upstream", "unix:/b"),
            *("--path", "/a", "--path", "/b/", "--www", "/", "--max-packet", "655360"),
        )
        self.assertEqual(options["listen"], ["tcp:80:backlog=7", "unix:/a:backlog=4096"])
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
            ("--workers", "0"): "--workers 0: auto, or a number from 1 to 1024",
            ("--workers", "1025"): "--workers 1025: auto, or a number",
            ("--workers", "many"): "--workers many: auto, or a number",
            ("--workers", "3", "--max-connections", "2"): "--max-connections: each of the --wor",
            ("--nonsense",): "option --nonsense not recognized",
            ("nonsense",): "Wrong number of arguments",
        }
        for arguments, message in mistakes.items():
            stopped = self.assertRaises(SystemExit, parse, *arguments)
            self.assertTrue(str(stopped).startswith(f"twistd ecm: {message}"), str(stopped))
            self.assertNotIn("\n", str(stopped))

    def test_there_is_one_worker_or_one_for_each_core(self) -> None:
        self.assertEqual(parse()["workers"], 1)
        self.assertEqual(parse("--workers", "55")["workers"], 55)
        self.assertEqual(parse("--workers", "auto")["workers"], len(os.sched_getaffinity(0)))

    def test_version_is_that_of_ecm(self) -> None:
        with redirect_stdout(StringIO()) as printed:
            stopped = self.assertRaises(SystemExit, parse, "--version")
        self.assertEqual((stopped.code, printed.getvalue()), (0, f"ecm {__version__}\n"))


class NumberTests(TestCase):
    def test_each_has_its_default_and_its_range(self) -> None:
        for option in NUMBERS:
            self.assertEqual(parse()[option.name], option.default)
            for text in (option.least - 1, option.greatest + 1, "x", "", "1.5", "+5", "1_000"):
                stopped = self.assertRaises(SystemExit, parse, f"--{option.name}={text}")
                self.assertTrue(
                    str(stopped).startswith(f"twistd ecm: --{option.name} {text}: give a number"),
                    str(stopped),
                )
            for number in (option.least, option.greatest):
                self.assertEqual(option.parse(str(number)), number)

    def test_those_of_clients_become_their_limits(self) -> None:
        names = {
            "max_header_size": "max-head",
            "header_timeout": "head-timeout",
            "send_timeout": "take-timeout",
        }
        fields = (*attrs.fields(FrontendSettings), *attrs.fields(RequestLimits))
        for place, field in enumerate(field for field in fields if field.type is int):
            name = names.get(field.name, field.name.replace("_", "-"))
            number = place + (MAX_CONTENT if name == "max-buffered" else 3000)
            clients = parse(f"--{name}", str(number)).clients
            found = clients if hasattr(clients, field.name) else clients.request
            self.assertEqual(getattr(found, field.name), number)

    def test_a_body_has_to_fit_into_a_packet(self) -> None:
        parse("--max-packet", "10128", "--max-body", "10000")
        stopped = self.assertRaises(SystemExit, parse, "--max-packet=10128", "--max-body=10001")
        self.assertIn("--max-body: no packet can take that", str(stopped))

    def test_an_answer_has_to_fit_into_what_all_connections_may_hold(self) -> None:
        least = ("--max-packet", "10000", "--max-body", "5000", "--max-content", "9000")
        parse(*least, "--max-buffered", "10000")
        for options in ((*least, "--max-buffered=9999"), (f"--max-buffered={MAX_CONTENT - 1}",)):
            stopped = self.assertRaises(SystemExit, parse, *options)
            self.assertIn("--max-buffered: one answer", str(stopped))


class SettingsTests(TestCase):
    def test_cors(self) -> None:
        self.assertEqual(parse().clients.cors, Cors())
        cors = parse(
            *("--cors-origin", "https://a.example", "--cors-origin", "https://b.example"),
            *("--cors-header", "X-A", "--cors-header", "X-B", "--cors-credentials"),
        ).clients.cors
        origins = frozenset({b"https://a.example", b"https://b.example"})
        self.assertEqual(cors, Cors(origins, credentials=True, headers=(b"X-A", b"X-B")))

    def test_a_star_is_any_origin(self) -> None:
        for more in ((), ("--cors-origin", "https://a.example")):
            self.assertEqual(parse("--cors-origin", "*", *more).clients.cors, Cors())

    def test_proxies(self) -> None:
        self.assertEqual(parse().clients.proxies, TrustedProxies())
        proxies = parse(
            *("--trusted-proxy", "192.0.2.0/24", "--trusted-proxy", "2001:db8::1"),
            *("--proxy-header", "Forwarded"),
        ).clients.proxies
        trusted = (ip_network("192.0.2.0/24"), ip_network("2001:db8::1/128"))
        self.assertEqual(proxies, TrustedProxies(trusted, FORWARDED))

    def test_mistakes(self) -> None:
        mistakes = {
            ("--cors-credentials",): "--cors-credentials: say with --cors-origin for whom",
            (
                *("--cors-credentials", "--cors-origin", "https://a.example"),
                *("--cors-origin", "*"),
            ): "--cors-credentials: say with --cors-origin for whom, and not *",
            ("--cors-origin", "null"): "--cors-origin null: this is sent by any page in a sandbox",
            (
                *("--cors-origin", "https://Chat.example/"),
            ): "--cors-origin https://Chat.example/: no browser sends this, give https://chat.e",
            (
                "--cors-origin",
                "a\nb",
            ): "--cors-origin 'a\\nb': no browser sends this, give one like",
            ("--cors-header", "X\r\nY"): "--cors-header 'X\\r\\nY': give the name of one header",
            ("--cors-header", "X Y"): "--cors-header X Y: give the name of one header, such as",
            (
                *("--cors-credentials", "--cors-origin", "https://a.example"),
                *("--cors-header", "*"),
            ): "--cors-header *: with --cors-credentials it stands for no header",
            ("--trusted-proxy", "192.0.2.1/24"): "--trusted-proxy 192.0.2.1/24: ",
            ("--trusted-proxy", "nginx"): "--trusted-proxy nginx: ",
            ("--proxy-header", "via"): "--proxy-header: x-forwarded-for or forwarded",
            ("--proxy-protocol", "nonsense"): "--proxy-protocol nonsense: this is no endpoint",
            ("--proxy-protocol", "x:1"): "--proxy-protocol x:1: this is no endpoint",
        }
        for arguments, message in mistakes.items():
            stopped = self.assertRaises(SystemExit, parse, *arguments)
            self.assertTrue(str(stopped).startswith(f"twistd ecm: {message}"), str(stopped))


class SecretWarningTests(TestCase):
    def test_a_file_that_others_can_get_at(self) -> None:
        file = temporary_folder(self) / "secret"
        file.write_bytes(b"0123456789abcdef")
        for mode, is_open in ((0o600, False), (0o640, False), (0o644, True), (0o602, True)):
            file.chmod(mode)
            warnings = secret_warnings(str(file), "tcp:127.0.0.1:5290")
            self.assertEqual(len(warnings), is_open, oct(mode))
        self.assertIn(f"its mode is 0602: chmod o= {file}", warnings[0])

    def test_it_is_looked_at_when_it_is_read(self) -> None:
        """Then ECM may change its folder and its user, who may not see the file."""
        file = temporary_folder(self) / "secret"
        file.write_bytes(b"0123456789abcdef")
        file.chmod(0o644)
        options = parse("--link-secret-file", str(file))
        file.unlink()
        self.assertEqual(len(options.warnings), 1)

    def test_no_secret(self) -> None:
        [warning] = secret_warnings(None, "tcp:127.0.0.1:5290")
        self.assertIn("whoever listens at tcp:127.0.0.1:5290", warning)
        self.assertEqual(secret_warnings(None, "unix:/run/ejabberd/ecm.sock"), [])
        self.assertEqual(secret_warnings(None, "tls:chat.example:5290"), [])


class LinkOptionTests(TestCase):
    def setUp(self) -> None:
        self.file = temporary_folder(self) / "secret"
        self.secret = f"--link-secret-file={self.file}"

    def test_defaults(self) -> None:
        self.assertEqual(parse().link, LinkSettings())

    def test_what_is_given_takes_their_place(self) -> None:
        self.file.write_bytes(b" 0123456789abcde \r\n\n")
        settings = parse(
            *(self.secret, "--protocol=typed", "--max-packet=655360", "--max-content=65536"),
            *("--max-queue=1", "--ping-interval=2", "--dead-time=3"),
        ).link
        secret = b" 0123456789abcde"
        self.assertEqual(settings, LinkSettings(LinkMode.TYPED, secret, 655_360, 65_536, 1, 2, 3))
        self.assertIs(parse("--protocol=plain").link.mode, LinkMode.PLAIN)

    def test_mistakes(self) -> None:
        short = str(self.file)
        self.file.write_bytes(b"0123456789abcde\n")
        mistakes = {
            ("--protocol=xmpp",): "--protocol xmpp: typed or plain",
            ("--protocol=auto",): "--protocol auto: typed or plain",
            ("--protocol=plain", self.secret): "--link-secret-file: a plain link cannot prove it",
            ("--link-secret-file=/no/file",): "--link-secret-file /no/file: No such file",
            ("--link-secret-file=/",): "--link-secret-file /: Is a directory",
            (
                self.secret,
            ): f"--link-secret-file {short}: a secret has 16 bytes or more, this one 15",
            ("--dead-time=10",): "--dead-time: has to be longer than --ping-interval",
        }
        for arguments, message in mistakes.items():
            stopped = self.assertRaises(SystemExit, parse, *arguments)
            self.assertTrue(str(stopped).startswith(f"twistd ecm: {message}"), str(stopped))


class MakeServiceTests(TestCase):
    def server(self, *arguments: str) -> Server:
        """Return the server of the service that these options describe."""
        service = makeService(parse(*arguments))
        assert isinstance(service, OneProcess)
        return service.server

    def test_the_server_has_a_factory_for_each_port(self) -> None:
        server = self.server("--listen", "tcp:0", "--listen", "tcp:0")
        self.assertEqual(server.factories(), [server.clients, server.clients])

    def test_a_port_with_the_proxy_protocol_is_one_of_its_own(self) -> None:
        (factory,) = self.server("--proxy-protocol", "tcp:0").factories()
        self.assertIsInstance(factory, ProxiedFactory)

    def test_there_are_no_more_connections_than_open_files(self) -> None:
        files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
        for asked, granted in ((0, files - 128), (10, 10), (10**9, files - 128)):
            server = self.server("--max-connections", str(asked))
            self.assertEqual(server.clients.settings.max_connections, granted)

    def test_a_path_is_served_with_and_without_a_slash_at_its_end(self) -> None:
        for path in ("/a", "/a/"):
            self.assertEqual(self.server("--path", path).clients.settings.paths, {b"/a", b"/a/"})
