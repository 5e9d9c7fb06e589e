"""The command line."""

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Options:
    """Exactly one of ``url`` and ``servers`` is given. Times are in seconds."""

    url: str
    domain: str
    users: str
    servers: Path | None
    only: str
    patience: float
    longest: float
    table: Path | None
    verbose: bool


def options(arguments: Sequence[str]) -> Options:
    """Raises SystemExit, with one line that says what to do."""
    parser = _parser()
    given = parser.parse_args(arguments)
    if bool(given.url) == bool(given.servers):
        parser.error("say either the URL of a BOSH server, or --servers")
    return Options(**vars(given))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m conformance",
        description="Plays conversations with a BOSH server.",
        epilog="Exit status: 0 if no script of the levels must and should has failed, 1 if one has,"
        " 2 if the run could not be played.",
    )
    add = parser.add_argument
    add("url", nargs="?", default="", help="where BOSH is served: http://host:7080/http-bind")
    add("--domain", default="", help="the domain of the users (the host of the URL)")
    add("--users", default="alice:secret,bob:secret", help="two accounts (%(default)s)")
    add(
        "--servers",
        type=Path,
        metavar="FILE",
        help="try those in this list, in JSON: objects with title, url, domain, users",
    )
    add("--only", default="", metavar="TEXT", help="the scripts with this in their names")
    add(
        "--patience",
        type=float,
        default=5.0,
        metavar="S",
        help="how long an answer that must come may take (%(default)g s)",
    )
    add(
        "--longest",
        type=float,
        default=10.0,
        metavar="S",
        help="skip scripts that would have to wait longer for nothing (%(default)g s)",
    )
    add("--table", type=Path, metavar="FILE", help="put a table of the results into this page")
    add("--verbose", action="store_true", help="print what goes to and fro")
    return parser
