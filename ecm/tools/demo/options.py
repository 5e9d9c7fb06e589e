"""The command line of ``ecm-demo``."""

import argparse
import string
from collections.abc import Mapping, Sequence
from pathlib import Path

import attrs

from ecm.tools.cli import Parser, whole_number

# A localpart (RFC 7622, section 3.3) may have more than ASCII, but every client and server takes
# these characters unchanged, however it prepares a name. ":" and "," separate the users.
_NAME_CHARACTERS = frozenset(string.ascii_lowercase + string.digits + "-._~!#$%()*+=?[]^`{|}")
_PASSWORD_CHARACTERS = frozenset(map(chr, range(0x20, 0x7F))) - {","}
_MAX_NAME = 1023  # bytes; RFC 7622, section 3.3

_DEFAULT_USERS = "alice:secret,bob:secret"


@attrs.frozen
class Options:
    """``folder`` is None for a temporary one, ``port`` 0 for any free one, ``xmpp_port`` too, and
    None for the usual one or any; ``ejabberd`` None for that of the environment or the system."""

    folder: Path | None
    port: int
    xmpp_port: int | None
    users: dict[str, str]  # name -> password
    ready_file: Path | None
    ejabberd: Path | None


def parse(arguments: Sequence[str] | None = None) -> Options:
    """Parse the command line; report a mistake and exit with status 2."""
    found = make_parser().parse_args(arguments)
    return Options(found.dir, found.http, found.xmpp, found.users, found.ready_file, found.ejabberd)


def make_parser() -> Parser:
    parser = Parser(
        prog="ecm-demo",
        description="Start ECM, a private ejabberd behind it and a chat page, until Ctrl-C.",
    )
    parser.add_argument(
        "--dir",
        type=_path,
        help="folder that keeps all data for the next time (default: a temporary folder)",
    )
    _add_ports(parser)
    parser.add_argument(
        "--users",
        type=parse_users,
        default=_DEFAULT_USERS,
        metavar="NAME:PASSWORD,...",
        help="accounts to create (default: %(default)s)",
    )
    parser.add_argument(
        "--ejabberd",
        type=_path,
        metavar="FOLDER",
        help="another ejabberd than that of the system: a folder of tools/debian-ejabberd"
        " (default: the variable ECM_EJABBERD)",
    )
    parser.add_argument(
        "--ready-file",
        type=_path,
        metavar="FILE",
        help="file for addresses and process IDs, as JSON, written once all is up",
    )
    return parser


def _add_ports(parser: Parser) -> None:
    parser.add_argument(
        "--http",
        type=whole_number(0, 65535),
        default=7080,
        metavar="PORT",
        help="port of the page, 0 for any free one (default: %(default)s)",
    )
    parser.add_argument(
        "--xmpp",
        type=whole_number(0, 65535),
        metavar="PORT",
        help="port for clients that speak XMPP over TCP, 0 for any free one (default: 5222, or any"
        " where that is in use)",
    )


def _path(text: str) -> Path:
    if not text:
        raise argparse.ArgumentTypeError("a path is missing")
    return Path(text).absolute()


def parse_users(text: str) -> dict[str, str]:
    """Parse ``alice:secret,bob:secret`` to passwords by name; a password may contain a colon."""
    users: dict[str, str] = {}
    for user in text.split(","):
        name, colon, password = user.partition(":")
        if not colon:
            raise argparse.ArgumentTypeError(f"{user!r} has no password: give NAME:PASSWORD")
        _check_name(name)
        _check_password(name, password)
        if name in users:
            raise argparse.ArgumentTypeError(f"{name!r} is given twice")
        users[name] = password
    return users


def written(users: Mapping[str, str]) -> str:
    """Return the users in the form of the command line."""
    return ",".join(f"{name}:{password}" for name, password in users.items())


def _check_name(name: str) -> None:
    if not name or len(name) > _MAX_NAME or not _NAME_CHARACTERS.issuperset(name):
        raise argparse.ArgumentTypeError(
            f"{name!r} is not a user name: use a-z, 0-9 and ASCII punctuation without \"&'/:<>@"
        )


def _check_password(name: str, password: str) -> None:
    if not password or not _PASSWORD_CHARACTERS.issuperset(password):
        raise argparse.ArgumentTypeError(
            f"{name!r} has no usable password: use ASCII characters without a comma"
        )
