"""The options of ``twistd ecm``: values, ranges, defaults, mistakes, former names, help."""

import os
import pwd
from collections.abc import Iterator
from contextlib import redirect_stdout
from io import StringIO
from ipaddress import ip_network
from typing import Any

import attrs
from twisted.trial.unittest import TestCase

from ecm import __version__, limits
from ecm.config.command_line import GROUPS
from ecm.link.settings import LinkMode
from ecm.option import Option, groups, options
from ecm.settings import Settings
from testkit.command_line import parse
from testkit.ecm_process import temporary_folder

USER = pwd.getpwuid(os.getuid()).pw_name

# For each option texts, each with the value that they give. Of several texts of an option that has
# only one value, the last counts.
VALUES: dict[str, list[tuple[list[str], Any]]] = {
    "listen": [
        (["tcp:80:backlog=7", "unix:/a"], ("tcp:80:backlog=7", "unix:/a:backlog=4096")),
        (["tcp6:7080"], ("tcp6:7080:backlog=4096",)),
        # Parts that stand at their places, as Twisted has them.
        (["tcp:80:127.0.0.1:7"], ("tcp:80:interface=127.0.0.1:backlog=7",)),
        ([r"tcp6:80:7:\:\:1"], (r"tcp6:80:backlog=7:interface=\:\:1",)),
        (["unix:/a:600"], ("unix:/a:mode=600:backlog=4096",)),
        (["tcp:port=80:backlog=7"], ("tcp:port=80:backlog=7",)),
    ],
    "admin": [
        (["unix:/a:mode=660"], "unix:/a:mode=660:backlog=4096"),
        (["tcp:1:backlog=7"], "tcp:1:backlog=7"),
    ],
    "proxy-protocol": [(["tcp:80", "unix:/a"], ("tcp:80:backlog=4096", "unix:/a:backlog=4096"))],
    "stream": [
        (["plain:tcp:1"], ("plain:tcp:1:backlog=4096",)),
        (["plain:unix:/a:600:7"], ("plain:unix:/a:mode=600:backlog=7",)),
        (
            ["plain:unix:/a", "plain:tcp6:1"],
            ("plain:unix:/a:backlog=4096", "plain:tcp6:1:backlog=4096"),
        ),
    ],
    "stream-proxy-protocol": [(["plain:tcp:1:backlog=7"], ("plain:tcp:1:backlog=7",))],
    "upstream": [
        (["unix:/a", "tls:chat.example:5290"], ("unix:/a", "tls:chat.example:5290")),
        (["unix:/a"], ("unix:/a",)),
        (
            ["dns:tcp:chat.example:5290", "srv:tls:_ecm._tcp.chat.example:timeout=3"],
            ("dns:tcp:chat.example:5290", "srv:tls:_ecm._tcp.chat.example:timeout=3"),
        ),
    ],
    "user": [([USER], USER)],
    "www": [(["/"], "/")],
    "workers": [(["55"], 55), (["1024"], 1024), (["auto"], len(os.sched_getaffinity(0)))],
    "worker-timeout": [(["3"], 3)],
    "queue-timeout": [(["0"], 0)],
    "drain-timeout": [(["0", "7"], 7)],
    "log-format": [(["json"], "json"), (["auto"], "auto")],
    "log-level": [(["debug"], "debug")],
    "link-mode": [(["plain"], LinkMode.PLAIN), (["typed"], LinkMode.TYPED)],
    "max-packet": [(["655360"], 655_360)],
    "max-content": [(["65536"], 65_536)],
    "max-queue": [(["1"], 1)],
    "ping-interval": [(["2"], 2)],
    "link-timeout": [(["11"], 11)],
    "link-grace": [(["0"], 0), (["31"], 31)],
    "stream-window": [(["0"], 0), (["4096"], 4096)],
    "path": [
        (["/b/", "/a"], (b"/b", b"/b/", b"/a", b"/a/")),
        (["/"], (b"", b"/")),
    ],
    "websocket-path": [
        (["/a", "/b/"], (b"/a", b"/a/", b"/b", b"/b/")),
    ],
    "host-meta": [
        (["https://chat.example"], "https://chat.example"),
        (["http://[::1]:7080"], "http://[::1]:7080"),
    ],
    "tls-minimum": [(["1.2"], "1.2"), (["1.3"], "1.3")],
    "max-connections": [(["3"], 3)],
    "max-connections-per-address": [(["4"], 4)],
    "max-buffered": [(["0"], 0), ([str(limits.MAX_CONTENT)], limits.MAX_CONTENT)],
    "header-timeout": [(["3"], 3)],
    "body-timeout": [(["4"], 4)],
    "send-timeout": [(["5"], 5)],
    "idle-timeout": [(["6"], 6)],
    "max-header-size": [(["3000"], 3000)],
    "max-headers": [(["9"], 9)],
    "max-body": [(["5000"], 5000)],
    "trusted-proxy": [
        (
            ["192.0.2.0/24", "2001:db8::1"],
            (ip_network("192.0.2.0/24"), ip_network("2001:db8::1/128")),
        )
    ],
    "proxy-header": [(["Forwarded"], "forwarded"), (["X-Forwarded-For"], "x-forwarded-for")],
    "cors-origin": [
        (["https://a.example", "https://b.example"], {b"https://a.example", b"https://b.example"}),
        (["*"], frozenset()),
        (["https://a.example", "*"], frozenset()),
    ],
    "cors-header": [(["X-A", "*"], (b"X-A", b"*"))],
}

# These need something else: another option, a file.
FLAGS = {"cors-credentials", "lean-tls", "metrics-per-worker", "reuse-port"}
ELSEWHERE = {*FLAGS, "link-secret-file", "config"}

MISTAKES = {
    ("--listen", "nonsense:1"): "--listen nonsense:1: not an endpoint",
    ("--listen", "nonsense"): "--listen nonsense: not an endpoint (give tcp:PORT, or tcp:PORT:int",
    ("--listen", ""): "--listen : not an endpoint (give tcp:PORT",
    ("--listen", "tcp"): "--listen tcp: not an endpoint (give tcp:PORT, or tcp:PORT:interface=",
    ("--listen", "tcp:"): "--listen tcp:: not an endpoint (give tcp:PORT",
    ("--listen", "tcp:x"): "--listen tcp:x: not an endpoint (give tcp:PORT",
    ("--listen", "tcp:65536"): "--listen tcp:65536: not an endpoint (give tcp:PORT",
    ("--listen", "tcp:80:backlog=x"): "--listen tcp:80:backlog=x: not an endpoint (give tcp:PORT",
    ("--listen", "tcp:80:backlog=9999999999"): (
        "--listen tcp:80:backlog=9999999999: not an endpoint (give tcp:PORT"
    ),
    ("--listen", "tcp:80:127.0.0.1:1:1"): "--listen tcp:80:127.0.0.1:1:1: not an endpoint (give tc",
    ("--listen", "tcp:80:interfac=a"): "--listen tcp:80:interfac=a: not an endpoint (give tcp:PORT",
    (
        "--listen",
        "haproxy:tcp",
    ): "--listen haproxy:tcp: not an endpoint (give the parts that haproxy",
    ("--listen", "haproxy:tcp:x"): "--listen haproxy:tcp:x: not an endpoint (give numbers where ha",
    ("--listen", "tcp6:x"): "--listen tcp6:x: not an endpoint (give tcp6:PORT",
    ("--listen", "ssl:x"): "--listen ssl:x: not an endpoint (give ssl:PORT:privateKey=FILE:certKey",
    ("--listen", "ssl:443"): "--listen ssl:443: not an endpoint (give ssl:PORT:privateKey=FILE:cer",
    ("--stream", "ssl:443:certKey=/no/cert"): (
        "--stream ssl:443:certKey=/no/cert: not an endpoint (give ssl:PORT:privateKey=FILE:certKey"
    ),
    ("--listen", "ssl:443:privateKey=/no/key"): (
        "--listen ssl:443:privateKey=/no/key: not an endpoint (/no/key: No such file or directory)"
    ),
    ("--listen", "ssl:443:privateKey=/etc/passwd"): (
        "--listen ssl:443:privateKey=/etc/passwd: not an endpoint (/etc/passwd: there is no key in"
    ),
    (
        "--listen",
        "unix:",
    ): "--listen unix:: not an endpoint (give unix:PATH, or unix:PATH:mode=660)",
    ("--listen", "unix:/no/x"): "--listen unix:/no/x: not an endpoint (there is no folder /no)",
    ("--listen", "unix:/a\0b"): r"--listen 'unix:/a\x00b': not an endpoint (give unix:PATH",
    ("--listen", f"unix:/{107 * 'a'}"): (
        f"--listen unix:/{107 * 'a'}: not an endpoint (the path of a socket has at most 107 bytes)"
    ),
    ("--listen", "unix:/a:mode=77777"): "--listen unix:/a:mode=77777: not an endpoint (give unix:P",
    ("--listen", "unix:/a:mode=9"): "--listen unix:/a:mode=9: not an endpoint (give unix:PATH",
    (
        "--listen",
        "systemd:",
    ): "--listen systemd:: not an endpoint (give systemd:domain=INET6:index=",
    ("--listen", "systemd:domain=X:index=0"): (
        "--listen systemd:domain=X:index=0: not an endpoint (give systemd:domain=INET6:index=0)"
    ),
    ("--listen", "systemd:domain=INET:index=x"): (
        "--listen systemd:domain=INET:index=x: not an endpoint (give systemd:domain="
    ),
    ("--listen", "systemd:domain=INET:index=0"): (
        "systemd:domain=INET:index=0: systemd has opened no such socket for this process"
    ),
    ("--admin", "systemd:domain=UNIX:index=0"): (
        "systemd:domain=UNIX:index=0: systemd has opened no such socket for this process"
    ),
    ("--stream", "plain:systemd:domain=INET:name=a"): (
        "plain:systemd:domain=INET:name=a: systemd has opened no such socket for this process"
    ),
    ("--listen", "tls:/nosuch:port=1"): (
        "--listen tls:/nosuch:port=1: not an endpoint (there is no folder /nosuch)"
    ),
    ("--listen", "tls:/etc:port=65536"): (
        "--listen tls:/etc:port=65536: not an endpoint (give tls:FOLDER:port=PORT"
    ),
    ("--listen", "tls:/etc"): "--listen tls:/etc: not an endpoint (give tls:FOLDER:port=PORT",
    ("--admin", "nonsense"): "--admin nonsense: not an endpoint",
    ("--admin", "plain:tcp:1"): "--admin plain:tcp:1: that is for --stream",
    ("--proxy-protocol", "nonsense"): "--proxy-protocol nonsense: not an endpoint",
    ("--proxy-protocol", "x:1"): "--proxy-protocol x:1: not an endpoint",
    ("--proxy-protocol", "ssl:1"): "--proxy-protocol ssl:1: a PROXY header comes before any TLS",
    ("--proxy-protocol", "tls:1"): "--proxy-protocol tls:1: a PROXY header comes before any TLS",
    ("--listen", "starttls:/etc:port=1"): "--listen starttls:/etc:port=1: that is for --stream",
    ("--proxy-protocol", "plain:tcp:1"): "--proxy-protocol plain:tcp:1: that is for --stream",
    (
        "--stream",
        "tcp:5222",
    ): "--stream tcp:5222: say how it is protected: starttls:FOLDER:port=5222",
    ("--stream", "plain:tcp"): "--stream plain:tcp: not an endpoint",
    ("--stream", "plain:tls:/etc:port=1"): (
        "--stream plain:tls:/etc:port=1: plain: stands before an endpoint without TLS"
    ),
    ("--stream", "starttls:/etc"): (
        "--stream starttls:/etc: not an endpoint (give starttls:FOLDER:port=PORT"
    ),
    ("--stream", "starttls:/nosuch:port=1"): (
        "--stream starttls:/nosuch:port=1: not an endpoint (there is no folder /nosuch)"
    ),
    ("--stream-proxy-protocol", "tcp:1"): (
        "--stream-proxy-protocol tcp:1: say how it is protected: starttls:FOLDER:port=5222"
    ),
    ("--user", "nosuch"): "--user nosuch: there is no such user",
    ("--tls-minimum", "1.1"): "--tls-minimum 1.1: give 1.2 or 1.3",
    ("--log-format", "xml"): "--log-format xml: give auto, text, journal, json",
    ("--log-level", "warning"): "--log-level warning: give debug, info, warn, error, critical",
    ("--upstream", "tcp"): "--upstream tcp: not an endpoint (give tcp:HOST:PORT)",
    ("--upstream", "tcp:127.0.0.1"): (
        "--upstream tcp:127.0.0.1: not an endpoint (give tcp:HOST:PORT)"
    ),
    ("--upstream", "tcp:a:0"): "--upstream tcp:a:0: not an endpoint (give tcp:HOST:PORT)",
    ("--upstream", "tcp:a:65536"): "--upstream tcp:a:65536: not an endpoint (give tcp:HOST:PORT)",
    ("--upstream", "tcp:a:1:b=c"): "--upstream tcp:a:1:b=c: not an endpoint (give tcp:HOST:PORT)",
    ("--upstream", "tls:a"): "--upstream tls:a: not an endpoint (give tls:HOST:PORT, or tls:HOST:",
    ("--upstream", f"unix:/{107 * 'a'}"): (
        f"--upstream unix:/{107 * 'a'}: not an endpoint (the path of a socket has at most 107 bytes"
    ),
    ("--upstream", "unix:"): "--upstream unix:: not an endpoint (give unix:PATH)",
    ("--upstream", "nonsense:a"): "--upstream nonsense:a: not an endpoint (give tcp:HOST:PORT; ",
    ("--upstream", ""): "--upstream : not an endpoint (give tcp:HOST:PORT; ",
    ("--upstream", "dns:tcp:a"): "--upstream dns:tcp:a: give dns:tcp:HOST:PORT or dns:tls:HOST:",
    ("--upstream", "srv:a"): "--upstream srv:a: give srv:tcp:NAME or srv:tls:NAME",
    ("--upstream", "dns:tcp:a:1:x=2"): "--upstream dns:tcp:a:1:x=2: not an endpoint",
    ("--upstream", "tls:a:1:trustRoots=/no"): (
        "--upstream tls:a:1:trustRoots=/no: not an endpoint (/no: No such file"
    ),
    ("--upstream", "srv:tls:a:trustRoots=/no"): "--upstream srv:tls:a:trustRoots=/no: not an end",
    ("--path", "bosh"): "--path bosh: a path begins with /",
    ("--path", "/a?b"): "--path /a?b: a path begins with /",
    ("--path", "/ü"): "--path /ü: a path begins with /",
    ("--host-meta", "https://chat.example/chat"): (
        "--host-meta https://chat.example/chat: no browser sends this, give https://chat.example"
    ),
    ("--host-meta", "wss://chat.example"): "--host-meta wss://chat.example: give http:// or",
    ("--host-meta", "*"): "--host-meta *: give http:// or https:// and a host, as in",
    ("--www", "/no/such/folder"): "--www /no/such/folder: there is no such folder",
    ("--www", ""): "--www : there is no such folder",
    ("--www", 256 * "a"): f"--www {256 * 'a'}: File name too long",
    ("--max-packet", "1k"): "--max-packet 1k: give a number of bytes from 4096 to 9999999999",
    ("--max-packet", "٣٣٣٣٣"): "--max-packet ٣٣٣٣٣: give a number",
    ("--workers", "0"): "--workers 0: give auto, or a number from 1 to 1024",
    ("--workers", "1025"): "--workers 1025: give auto, or a number",
    ("--workers", "٣"): "--workers ٣: give auto, or a number",
    ("--workers", "many"): "--workers many: give auto, or a number",
    ("--link-mode", "xmpp"): "--link-mode xmpp: give typed or plain",
    ("--link-mode", "auto"): "--link-mode auto: give typed or plain",
    ("--cors-origin", "null"): "--cors-origin null: this is sent by any page in a sandbox",
    ("--cors-origin", "https://Chat.example/"): (
        "--cors-origin https://Chat.example/: no browser sends this, give https://chat.example"
    ),
    ("--cors-origin", "a\nb"): "--cors-origin 'a\\nb': no browser sends this, give one like",
    ("--cors-header", "X\r\nY"): "--cors-header 'X\\r\\nY': give the name of one header",
    ("--cors-header", "X Y"): "--cors-header X Y: give the name of one header, such as",
    ("--trusted-proxy", "192.0.2.1/24"): "--trusted-proxy 192.0.2.1/24: give 192.0.2.0/24",
    ("--trusted-proxy", "nginx"): "--trusted-proxy nginx: give an address or a network",
    ("--proxy-header", "via"): "--proxy-header via: give x-forwarded-for or forwarded",
    ("--nonsense",): "option --nonsense not recognized",
    ("nonsense",): "Wrong number of arguments",
}

OPTIONS: list[Option] = [option for _, group in GROUPS for option in group]
NUMBERS = [(option, option.range) for option in OPTIONS if option.range]
FORMER = {
    "protocol": "link-mode",
    "dead-time": "link-timeout",
    "head-timeout": "header-timeout",
    "take-timeout": "send-timeout",
    "max-head": "max-header-size",
}


def values(settings: Any) -> Iterator[tuple[str, Any]]:
    """Yield the value of each option in the settings."""
    for field, option in options(type(settings)):
        yield option.name, getattr(settings, field.name)
    for field in groups(type(settings)).values():
        yield from values(getattr(settings, field.name))


def value(name: str, *arguments: str) -> Any:
    return dict(values(parse(*arguments).settings))[name]


class CommandLineCase(TestCase):
    def refused(self, *arguments: str) -> str:
        stopped = str(self.assertRaises(SystemExit, parse, *arguments))
        self.assertTrue(stopped.startswith("twistd ecm: "), stopped)
        self.assertTrue(stopped.endswith(" (twistd ecm --help tells more)"), stopped)
        self.assertNotIn("\n", stopped)
        return stopped.removeprefix("twistd ecm: ")


class OptionTests(CommandLineCase):
    def test_each_has_a_value_here_and_says_all_of_itself(self) -> None:
        self.assertEqual({option.name for option in OPTIONS}, VALUES.keys() | ELSEWHERE)
        for option in OPTIONS:
            self.assertRegex(option.help, r"^[A-Zt].*\.$", option.name)
            self.assertTrue(option.unit or option.name in FLAGS, option.name)

    def test_each_setting_is_an_option_or_a_group_of_some(self) -> None:
        classes: list[type] = [Settings]
        while classes:
            settings = classes.pop()
            described = {field.name for field, _ in options(settings)}
            within = {field.name: field.type for field in groups(settings).values()}
            names = {field.name for field in attrs.fields(settings)}
            beside = {"texts", "origins"} if settings is Settings else set()
            self.assertEqual(names - beside, described | within.keys(), settings)
            classes += [each for each in within.values() if each]

    def test_each_number_has_a_range_and_its_default_from_limits(self) -> None:
        """So that a limit has one name, and its reason stands beside it."""
        for option, (minimum, maximum) in NUMBERS:
            self.assertLess(minimum, maximum)
            if option.name != "workers":
                constant = option.name.upper().replace("-", "_")
                self.assertEqual(option.shown, str(getattr(limits, constant)))
        for name, default in values(Settings()):
            if isinstance(default, int) and not isinstance(default, bool):
                self.assertIn(name, {option.name for option, _ in NUMBERS})

    def test_defaults(self) -> None:
        backlog = ("tcp:7080:backlog=4096",)
        self.assertEqual(parse().settings, attrs.evolve(Settings(), listen=backlog))

    def test_with_a_proxy_nobody_else_is_served_unless_asked_for(self) -> None:
        self.assertEqual(value("listen", "--proxy-protocol", "tcp:80"), ())
        arguments = ("--proxy-protocol", "tcp:80", "--listen", "tcp:81")
        self.assertEqual(value("listen", *arguments), ("tcp:81:backlog=4096",))

    def test_what_is_given_takes_the_place_of_the_default(self) -> None:
        for name, cases in VALUES.items():
            for texts, expected in cases:
                arguments = [f"--{name}={text}" for text in texts]
                self.assertEqual(value(name, *arguments), expected, arguments)

    def test_a_port_that_others_may_open(self) -> None:
        self.assertIs(value("reuse-port", "--reuse-port"), True)
        self.assertIs(value("metrics-per-worker", "--metrics-per-worker"), True)

    def test_credentials(self) -> None:
        arguments = ("--cors-credentials", "--cors-origin", "https://a.example")
        self.assertIs(value("cors-credentials", *arguments), True)

    def test_short_names(self) -> None:
        arguments = ("-l", "unix:/a", "-u", "unix:/b", "-p", "/c", "-w", "/")
        found = dict(values(parse(*arguments).settings))
        self.assertEqual(found["listen"], ("unix:/a:backlog=4096",))
        self.assertEqual((found["upstream"], found["www"]), (("unix:/b",), "/"))
        self.assertEqual(found["path"], (b"/c", b"/c/"))

    def test_a_number_outside_its_range(self) -> None:
        for option, (minimum, maximum) in NUMBERS:
            for text in (str(minimum - 1), str(maximum + 1), "x", "", "1.5", "+5", "1_000"):
                self.assertIn(
                    f"--{option.name} {text}: give ", self.refused(f"--{option.name}={text}")
                )
            if option.name != "workers":
                self.assertEqual(option.read(str(minimum)), minimum)
                self.assertEqual(option.read(str(maximum)), maximum)

    def test_a_mistake_is_one_clear_line(self) -> None:
        for arguments, message in MISTAKES.items():
            refused = self.refused(*arguments)
            self.assertTrue(refused.startswith(message), refused)

    def test_version_is_that_of_ecm(self) -> None:
        with redirect_stdout(StringIO()) as printed:
            stopped = self.assertRaises(SystemExit, parse, "--version")
        self.assertEqual((stopped.code, printed.getvalue()), (0, f"ecm {__version__}\n"))


class ConflictTests(CommandLineCase):
    def setUp(self) -> None:
        file = temporary_folder(self) / "secret"
        file.write_bytes(b"0123456789abcdef")
        self.secret = f"--link-secret-file={file}"

    def test_a_body_must_fit_into_a_packet(self) -> None:
        parse("--max-packet", "10128", "--max-body", "10000")
        refused = self.refused("--max-packet=10128", "--max-body=10001")
        self.assertIn("--max-body: no packet can carry it, raise --max-packet", refused)

    def test_an_answer_must_fit_into_what_all_connections_may_hold(self) -> None:
        least = ("--max-packet", "10000", "--max-body", "5000", "--max-content", "9000")
        parse(*least, "--max-buffered", "10000")
        for arguments in (
            (*least, "--max-buffered=9999"),
            (f"--max-buffered={limits.MAX_CONTENT - 1}",),
        ):
            self.assertIn("--max-buffered: one answer", self.refused(*arguments))

    def test_silence_is_longer_than_the_pause_between_pings(self) -> None:
        parse("--link-timeout=4")
        refused = self.refused("--link-timeout=3")
        self.assertIn("--link-timeout: must be longer than --ping-interval", refused)

    def test_nodes(self) -> None:
        def upstream(number: int) -> list[str]:
            return [f"--upstream=tcp:127.0.0.{each}:5290" for each in range(number)]

        parse(*upstream(limits.MAX_NODES))
        refused = self.refused(*upstream(limits.MAX_NODES + 1))
        self.assertIn("--upstream: give at most 32 nodes", refused)
        refused = self.refused(*upstream(2), *upstream(1))
        self.assertIn("--upstream: give each node once", refused)

    def test_each_worker_needs_a_connection(self) -> None:
        parse("--workers=3", "--max-connections=3")
        refused = self.refused("--workers=3", "--max-connections=2")
        self.assertIn("--max-connections: each of the --workers needs at least one", refused)

    def test_streams_need_a_link_that_carries_them(self) -> None:
        for option in ("--stream", "--stream-proxy-protocol"):
            arguments = (option, "plain:tcp:0")
            parse(*arguments)
            for other in (("--link-mode", "plain"), ("--stream-window", "0")):
                self.assertIn("--stream: the link carries no", self.refused(*arguments, *other))

    def test_files_at_the_root_need_the_root(self) -> None:
        parse("--path=/a", "--www=/")
        for option in ("--path", "--websocket-path"):
            refused = self.refused(f"{option}=/", "--www=/")
            self.assertIn("--www: its index page is at /, where --path or", refused)

    def test_a_plain_link_has_no_secret(self) -> None:
        parse(self.secret)
        refused = self.refused(self.secret, "--link-mode=plain")
        self.assertIn("--link-secret-file: a plain link cannot prove it", refused)

    def test_credentials_are_for_origins_that_are_named(self) -> None:
        for more in ((), ("--cors-origin=https://a.example", "--cors-origin=*")):
            refused = self.refused("--cors-credentials", *more)
            self.assertIn("--cors-credentials: say with --cors-origin for whom, and not *", refused)

    def test_with_credentials_headers_are_named(self) -> None:
        arguments = ("--cors-credentials", "--cors-origin=https://a.example", "--cors-header=*")
        self.assertIn("--cors-header *: is not a wildcard", self.refused(*arguments))


class FormerNameTests(CommandLineCase):
    def test_these_options_have_had_other_names(self) -> None:
        self.assertEqual(
            {option.former: option.name for option in OPTIONS if option.former}, FORMER
        )

    def test_a_former_name_works_with_a_warning(self) -> None:
        for former, name in FORMER.items():
            for texts, expected in VALUES[name]:
                found = parse("--upstream=unix:/a", *(f"--{former}={text}" for text in texts))
                self.assertEqual(dict(values(found.settings))[name], expected)
                self.assertEqual(
                    found.warnings,
                    [f"--{former} is now --{name}; the next release no longer accepts it"],
                )

    def test_a_mistake_names_the_new_one(self) -> None:
        self.assertIn("--max-header-size x: give a number", self.refused("--max-head=x"))

    def test_the_last_of_both_counts(self) -> None:
        self.assertEqual(value("send-timeout", "--send-timeout=5", "--take-timeout=6"), 6)
        self.assertEqual(value("send-timeout", "--take-timeout=5", "--send-timeout=6"), 6)


class HelpTests(TestCase):
    def setUp(self) -> None:
        with redirect_stdout(StringIO()) as printed:
            stopped = self.assertRaises(SystemExit, parse, "--help")
        self.assertEqual(stopped.code, 0)
        self.text = printed.getvalue()

    def test_it_fits_into_80_columns(self) -> None:
        self.assertLess(max(map(len, self.text.splitlines())), 80)

    def test_each_option_stands_there_with_its_unit_and_its_default(self) -> None:
        words = " ".join(self.text.split())
        for option in OPTIONS:
            usage = f" --{option.name} {option.unit.upper()}".rstrip()
            self.assertIn(usage + " * " * bool(option.collect), words)
            self.assertIn(option.help, words)
            if option.shown:
                self.assertIn(f"{option.help} [default: {option.shown}]", words)

    def test_former_names_do_not(self) -> None:
        for former in FORMER:
            self.assertNotIn(f"--{former} ", self.text)
