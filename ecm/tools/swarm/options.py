"""The command line of ``ecm-swarm``."""

import argparse
import math
import re
import resource
from collections.abc import Sequence
from pathlib import Path

import attrs

from ecm.tools.cli import Parser, argument, whole_number
from ecm.tools.swarm import addresses
from ecm.tools.swarm.accounts import SASL, SASL2, SCRAM, Accounts
from ecm.tools.swarm.addresses import BOSH, CONNECTIONS_PER_SOURCE, TRANSPORTS, Target

# Open files of a worker beside connections: its pipes, and some to spare. Second connections of
# users who send or leave are counted by --at-once.
_SPARE_FILES = 64

WAIT = 60  # seconds for which a server may hold a request

_MAX_USERS = 100_000_000
_DAY = 86_400
_DOMAIN = re.compile(r"[A-Za-z0-9._:\[\]-]+")  # nothing that would need an escape in XML


@attrs.frozen
class Options:
    """Rates are a number a second of all processes together, None for no limit; times are seconds.

    ``users`` are all of them, also the last ones, the ``storm``, who log in later. ``accounts`` is
    None for SASL ANONYMOUS, ``messages`` for as many as ``duration`` permits. ``trusted`` is as in
    Task.
    """

    target: Target
    domain: str
    accounts: str | None
    first: int
    users: int
    processes: int
    sources: list[str]
    rate: float | None
    at_once: int
    wait: int
    hold: int
    connections: int
    patience: int
    login: str
    storm: int
    rest: float
    duration: float
    message_rate: float | None
    messages: int | None
    poll_rate: float | None
    output: Path
    trusted: str | None = None

    @property
    def talks(self) -> bool:
        return self.message_rate != 0 or self.poll_rate != 0


def parse(arguments: Sequence[str] | None = None) -> Options:
    """Parse the command line; report a mistake and exit with status 2."""
    parser = make_parser()
    found = parser.parse_args(arguments)
    try:
        return _options(found)
    except ValueError as error:
        parser.error(str(error))


def _options(found: argparse.Namespace) -> Options:
    """Raises ValueError if options contradict each other."""
    target = addresses.target(found.url, found.transport)
    _check(found, target)
    _check_bosh(found, target)
    users = found.users + found.storm
    connections = found.connections or 1
    least = min_processes(users, connections, found.at_once)
    processes = found.processes or least
    if not least <= processes <= found.users:
        raise ValueError(f"--processes {processes}: give from {least} to {found.users}")
    _check_sources(users * connections, found.sources)
    return Options(
        target=target,
        domain=found.domain,
        accounts=None if found.anonymous else found.accounts,
        first=found.first,
        users=users,
        processes=processes,
        sources=found.sources,
        rate=found.rate,
        at_once=found.at_once,
        wait=found.wait or WAIT,
        hold=found.hold or 1,
        connections=connections,
        patience=found.patience,
        login=found.login,
        storm=found.storm,
        rest=found.rest,
        duration=60.0 if found.duration is None else found.duration,
        message_rate=found.message_rate,
        messages=found.messages,
        poll_rate=found.poll_rate,
        output=found.output,
        trusted=None if found.insecure else str(found.ca or ""),
    )


def _check(found: argparse.Namespace, target: Target) -> None:
    """Raises ValueError if options contradict each other."""
    if not target.is_loopback and not found.target_is_mine:
        raise ValueError(
            f"{target.address} is not this machine: if you may load it, say --target-is-mine"
        )
    if found.messages is not None and found.message_rate == 0:
        raise ValueError("--messages needs --message-rate: say how many a second")
    if found.messages is not None and found.duration is not None:
        raise ValueError("--messages and --duration both say when it ends: give one of them")
    if found.storm and found.messages is not None:
        raise ValueError("--storm needs users who talk meanwhile: give --duration, not --messages")
    if found.anonymous and found.login != SASL:
        raise ValueError(f"--login {found.login} names the user: give --accounts, not --anonymous")


def _check_bosh(found: argparse.Namespace, target: Target) -> None:
    """Raises ValueError where an option of BOSH is given to others."""
    if target.transport == BOSH:
        return
    given = [name for name in ("wait", "hold", "connections") if getattr(found, name) is not None]
    given += ["poll-rate"] if found.poll_rate != 0 else []
    if given:
        raise ValueError(
            f"--{given[0]} is for BOSH: there is no such thing over {target.transport}"
        )


def min_processes(users: int, connections: int, at_once: int) -> int:
    """Return how many it takes with the files that a process may have. Raises ValueError."""
    _, files = resource.getrlimit(resource.RLIMIT_NOFILE)
    if files == resource.RLIM_INFINITY:
        return 1
    room = files - _SPARE_FILES - 2 * at_once
    if room < connections:
        raise ValueError(f"--at-once {at_once} is too many for {files} open files (ulimit -Hn)")
    return math.ceil(users * connections / room)


def _check_sources(connections: int, sources: Sequence[str]) -> None:
    """Raises ValueError where there will not be ports enough."""
    needed = math.ceil(connections / CONNECTIONS_PER_SOURCE)
    if needed > max(1, len(sources)):
        raise ValueError(
            f"{connections} connections need {needed} addresses to come from:"
            f" give --sources, on loopback 127.1.0.1-{_loopback(needed)}"
        )


def _loopback(number: int) -> str:
    """Return the last of so many addresses of 127.1.0.0/16."""
    return f"127.1.{number // 256}.{number % 256}"


def make_parser() -> Parser:
    parser = Parser(
        prog="ecm-swarm",
        description="Load a chat server with many users, over BOSH, WebSocket or TCP, and report"
        " how it performs. Ctrl-C lets them leave; a second one ends the run at once.",
        epilog="Exit status: 0 if nothing failed and nothing was lost, 1 otherwise, 2 for a wrong"
        " option. docs/swarm.md has more.",
    )
    add = parser.add_argument
    add(
        "url",
        metavar="URL",
        help="http:// or https://HOST:PORT/PATH of BOSH, ws:// or wss://HOST:PORT/PATH of"
        " WebSocket,"
        " xmpp:// or xmpps://HOST:PORT of XMPP over TCP",
    )
    add(
        "--transport",
        choices=TRANSPORTS,
        help="if not what the URL says: websocket with http:// or https://, tls with xmpp:// for"
        " STARTTLS",
    )
    add("--target-is-mine", action="store_true", help="permit the URL of another machine")
    add("--domain", type=_domain, default="localhost", help="XMPP domain (default: %(default)s)")
    _add_tls(parser)
    _add_users(parser)
    _add_processes(parser)
    _add_bosh(parser)
    _add_phases(parser)
    _add_talk(parser)
    add(
        "--output",
        type=Path,
        default=Path("ecm-swarm"),
        metavar="NAME",
        help="write NAME.json and NAME.png (default: %(default)s)",
    )
    return parser


def _add_tls(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument_group("TLS").add_argument
    add(
        "--ca",
        type=_file,
        metavar="FILE",
        help="authorities to trust, in PEM (default: those of this machine)",
    )
    add(
        "--insecure",
        action="store_true",
        help="do not look at the server's certificate: whoever is there gets the passwords",
    )


def _add_users(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument_group("users").add_argument
    add(
        "--users",
        type=whole_number(1, _MAX_USERS),
        default=100,
        metavar="N",
        help="how many (default: 100)",
    )
    add(
        "--accounts",
        type=_accounts,
        default="user{}:secret",
        metavar="NAME:PASSWORD",
        help="pattern with {} for the user's number, {06} for six digits (default: %(default)s)",
    )
    add(
        "--first",
        type=whole_number(0, 10**12),
        default=0,
        metavar="N",
        help="number of the first one",
    )
    add("--anonymous", action="store_true", help="log in with SASL ANONYMOUS, without accounts")
    add(
        "--login",
        choices=(SASL, SCRAM, SASL2),
        default=SASL,
        help="scram: with SCRAM-SHA-1 in place of PLAIN; sasl2: with XEP-0388 and XEP-0386, if the"
        " server offers it (default: %(default)s)",
    )


def _add_processes(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument_group("processes and connections").add_argument
    add(
        "--sources",
        type=argument(addresses.sources),
        default=[],
        metavar="ADDRESSES",
        help="source addresses: 127.1.0.1-127.1.0.110, 127.1.0.0/25, one, or several with commas;"
        " one is enough for 14,000 connections",
    )
    add(
        "--processes",
        type=whole_number(1, 1000),
        metavar="N",
        help="worker processes (default: as few as open files permit)",
    )
    add(
        "--patience",
        type=whole_number(1, _DAY),
        default=60,
        metavar="S",
        help="timeout of a login, of an answer (of BOSH, beyond --wait), and of messages at the end"
        " (default: 60)",
    )


def _add_bosh(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument_group("requests of BOSH").add_argument
    add(
        "--wait",
        type=whole_number(1, 3600),
        metavar="S",
        help=f"longest time that a request is held (default: {WAIT})",
    )
    add(
        "--hold",
        type=whole_number(1, 2),
        metavar="N",
        help="requests to ask the server to hold; if it grants more than 1, a login fails"
        " (default: 1)",
    )
    add(
        "--connections",
        type=whole_number(1, 2),
        metavar="N",
        help="connections that a user keeps; with 1, it opens a second one to send something, and"
        " then closes the first (default: 1)",
    )


def _add_phases(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument_group("phases").add_argument
    add(
        "--rate",
        type=_rate_of_logins,
        default=100.0,
        metavar="N",
        help="logins a second, and users who leave; max is as fast as possible (default: 100)",
    )
    add(
        "--at-once",
        type=whole_number(1, 5000),
        default=32,
        metavar="N",
        help="users of a process who log in, send or leave at the same time (default: 32)",
    )
    add(
        "--storm",
        type=whole_number(1, _MAX_USERS),
        default=0,
        metavar="N",
        help="more users, who all log in at once after --duration, while the others go on",
    )
    add(
        "--rest",
        type=_seconds,
        default=0.0,
        metavar="S",
        help="pause after the logins (default: 0)",
    )
    add(
        "--duration",
        type=_seconds,
        metavar="S",
        help="time online after that, in which they send (default: 60)",
    )


def _add_talk(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument_group("messages and polls").add_argument
    add(
        "--message-rate",
        type=_rate,
        default=0.0,
        metavar="N",
        help="messages a second, or max (default: 0)",
    )
    add(
        "--messages",
        type=whole_number(1, 10**12),
        metavar="N",
        help="number of messages, instead of --duration",
    )
    add(
        "--poll-rate",
        type=_rate,
        default=0.0,
        metavar="N",
        help="polls a second of BOSH, or max (default: 0)",
    )


def _seconds(text: str) -> float:
    seconds = float(text) if re.fullmatch(r"[0-9]{1,7}(\.[0-9]{1,6})?", text) else math.inf
    if seconds > 7 * _DAY:
        raise argparse.ArgumentTypeError(f"{text!r}: give seconds, a week at most")
    return seconds


def _rate(text: str) -> float | None:
    if text == "max":
        return None
    if not re.fullmatch(r"[0-9]{1,9}(\.[0-9]{1,6})?", text):
        raise argparse.ArgumentTypeError(f"{text!r}: give a number a second, or max")
    return float(text)


def _rate_of_logins(text: str) -> float | None:
    rate = _rate(text)
    if rate == 0:
        raise argparse.ArgumentTypeError(f"{text!r}: nobody would ever log in; give more, or max")
    return rate


def _file(text: str) -> Path:
    if not Path(text).is_file():
        raise argparse.ArgumentTypeError(f"{text!r} is no file")
    return Path(text).absolute()


def _domain(text: str) -> str:
    if not _DOMAIN.fullmatch(text):
        raise argparse.ArgumentTypeError(f"{text!r} is not a domain")
    return text


def _accounts(text: str) -> str:
    argument(Accounts)(text)
    return text
