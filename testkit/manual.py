"""Man pages and completion for bash, made from the options of each program.

``python -m testkit.manual FOLDER`` writes ``FOLDER/man/*`` and ``FOLDER/completions/*``. They are
part of the packages; the checkout keeps none, so that none can be out of date.
"""

import argparse
import os
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import shtab
from argparse_manpage.manpage import Manpage

from ecm import __version__
from testkit.programs import ECM, parsers
from twisted.plugins.ecm_plugin import ecm

# What every page ends with.
_SEE_ALSO: Final = """\
.SH SEE ALSO
{others}, and the documents of Megaphone: docs/operations.md, docs/configuration.md; on Debian in
/usr/share/doc/ecm.
"""

# Section 8 for the daemon: ecm(1) is GMP-ECM's.
_ECM_ENDS: Final = r"""
.SH DESCRIPTION OF THE PROGRAM
.B ecm
is
.BR "twistd \-n \-\-pidfile= ecm" :
ECM in the foreground, as systemd runs it.
.SH ENVIRONMENT
Each option may be given by a variable: ECM_MAX_BODY for \-\-max\-body. It goes before the file of
\-\-config, and the command line before both.
.SH SIGNALS
.TP
.B SIGTERM, SIGINT
Graceful shutdown: all clients are answered, then ECM exits. A second one ends the wait.
.TP
.B SIGHUP
The configuration and the certificates are read again, and nobody notices. After a mistake in them
nothing has changed, and the log says so.
.TP
.B SIGUSR1
The log is opened anew, if twistd has been given a file for it.
.SH FILES
.TP
.I /etc/ecm/ecm.toml
The options of the service ecm.service.
.TP
.I /run/ecm/admin.sock
Its endpoint for operators, where ecmctl asks.
.SH EXIT STATUS
1 for a wrong option, or where ECM cannot start. After a graceful shutdown ECM ends by the signal
that asked for it, which systemd takes for success.
"""


def section(program: str) -> int:
    return 8 if program == ECM else 1


def man_page(parser: argparse.ArgumentParser) -> str:
    """Return the page in roff. Its date is that of SOURCE_DATE_EPOCH, which Debian's tools set."""
    with _unwrapped():
        page = Manpage(parser)
        page.section = section(parser.prog)
        page.source = f"Megaphone {__version__}"
        page.manual = "Megaphone"
        page.description = _summary(parser)
        text = str(page)
    return f"{text}{_ECM_ENDS if parser.prog == ECM else ''}{_see_also(parser.prog)}"


@contextmanager
def _unwrapped() -> Iterator[None]:
    """Have argparse break no line: it does so within names of options, and man would join them
    again with a space."""
    before = os.environ.get("COLUMNS")
    os.environ["COLUMNS"] = "100000"
    try:
        yield
    finally:
        del os.environ["COLUMNS"]
        if before is not None:
            os.environ["COLUMNS"] = before


def _summary(parser: argparse.ArgumentParser) -> str:
    """The text for the list of all pages: the description to its first stop."""
    description = (
        ecm.description if parser.prog == ECM else " ".join(str(parser.description).split())
    )
    first = re.split(r"[.:](?:\s|$)", description)[0]
    return first[0].lower() + first[1:]


def _see_also(program: str) -> str:
    others = (each.prog for each in parsers() if each.prog != program)
    return _SEE_ALSO.format(
        others=", ".join(rf"\fB{name}\fR({section(name)})".replace("-", r"\-") for name in others)
    )


def completion(parser: argparse.ArgumentParser) -> str:
    """Return the completion of a program for bash."""
    return shtab.complete(parser, "bash")


def write(folder: Path) -> None:
    for name in ("man", "completions"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    for parser in parsers():
        page = folder / "man" / f"{parser.prog}.{section(parser.prog)}"
        page.write_text(man_page(parser))
        (folder / "completions" / parser.prog).write_text(completion(parser))


if __name__ == "__main__":
    write(Path(sys.argv[1]))
