"""Latency of other users' messages while 30 MB wait for one who does not read them.

A crowd talks over WebSocket: alone, beside one who gets 3,000 messages of 10 kB and reads them, and
beside one who gets them and does not read. The difference between the last two is what a slow
reader costs the others. Memory is what ECM and ejabberd have grown by when the crowd has fallen
silent.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from threading import Thread

import attrs

from bench.frame import EBIN, Case, Option, Outcome, Run, announce
from bench.load.message_load import Load, What, talk
from bench.measure.server_side import Server
from bench.report import report
from bench.servers import WAYS, with_workers
from ecm.kernel import raise_open_files
from ecm.tools.demo.plan import DOMAIN
from testkit.websocket_user import WebSocketUser

MESSAGES = 3_000
SIZE = 10_000  # bytes of each

PASSWORD = "secret"  # of all accounts of bench.node.EVERYONE

NOBODY, READS, IDLE = "nobody", "one who reads 30 MB", "one who does not read 30 MB"

TITLE = "A chat beside somebody who does not read"


@attrs.frozen
class Row:
    """A crowd that talks; ``grown`` is in bytes, by part, and ``written`` the messages of 10 kB."""

    beside: str
    load: Load
    grown: dict[str, float]
    written: int


COLUMNS: dict[str, Callable[[Row], str]] = {
    "beside": lambda row: row.beside,
    "messages": lambda row: f"{row.load.count:,}",
    "p50, ms": lambda row: f"{row.load.p50:.1f}",
    "p99, ms": lambda row: f"{row.load.p99:.1f}",
    "of 10 kB": lambda row: f"{row.written:,}",
    "ECM grew by, MB": lambda row: f"{row.grown['ECM'] / 1e6:.1f}",
    "ejabberd, MB": lambda row: f"{row.grown['ejabberd'] / 1e6:.1f}",
    "errors": lambda row: f"{row.load.troubles or 'none'}",
}


class Nobody:
    """Stands for the pair where there is none. ``written`` counts its messages."""

    written = 0

    def begin(self) -> None:
        """Go on while the crowd talks."""

    def end(self) -> None:
        """Wait until all is written, and read."""

    def leave(self) -> None:
        """Go, with what is not read."""


class Pair(Nobody):
    """Somebody who writes what another one gets."""

    def __init__(self, url: str, reads: bool) -> None:
        self._reader, self._writer = (WebSocketUser(url, DOMAIN) for _ in range(2))
        self._reader.log_in("reader", PASSWORD)
        self._writer.log_in("writer", PASSWORD)
        self._threads = [Thread(target=self._write)]
        if reads:
            self._threads.append(Thread(target=self._read))

    def begin(self) -> None:
        for thread in self._threads:
            thread.start()

    def end(self) -> None:
        for thread in self._threads:
            thread.join()

    def leave(self) -> None:
        for user in (self._reader, self._writer):
            user.vanish()

    def _write(self) -> None:
        for _ in range(MESSAGES):
            self._writer.message(self._reader.jid, "x" * SIZE)
            self.written += 1

    def _read(self) -> None:
        for _ in range(MESSAGES):
            self._reader.body()


def beside(name: str, server: Server, run: Run) -> Row:
    options, folder = run.options, run.folder / name.replace(" ", "-")
    folder.mkdir()
    before = server.taken().parts
    other = Nobody() if name == NOBODY else Pair(server.url, reads=name == READS)
    talking = (What.MESSAGE, options.clients, options.seconds, options.rate)
    load = talk(server, folder, *talking, begin=other.begin)
    other.end()
    after = server.taken().parts
    other.leave()
    grown = {part: after[part] - before[part] for part in after}
    return Row(name, load, grown, other.written)


def measure(run: Run) -> list[Row]:
    raise_open_files()
    code = run.code()
    announce(3 * (run.options.seconds + 30))
    found: list[Row] = []
    for name in (NOBODY, READS, IDLE):
        folder: Path = run.folder / f"server-{len(found)}"
        folder.mkdir()
        with with_workers(folder, code, 1, WAYS["websocket"]) as server:
            talk(server, folder, What.MESSAGE, run.options.clients, 2, run.options.rate)
            found.append(beside(name, server, run))
    return found


def verdict(found: Sequence[Row]) -> str:
    times = {row.beside: row.load.p99 for row in found}
    return (
        f"Beside one who does not read, 99 of 100 messages of others take {times[IDLE]:.1f} ms at"
        f" most; beside one who reads as much {times[READS]:.1f} ms, and beside nobody"
        f" {times[NOBODY]:.1f} ms."
    )


def show(rows: Sequence[Row]) -> Outcome:
    return Outcome(report.table(COLUMNS, rows), verdict(rows))


CASE = Case(
    title=TITLE,
    row=Row,
    measure=measure,
    show=show,
    options=(
        Option("clients", 500, "that chat"),
        Option("rate", 1_000, "messages of theirs in a second"),
        Option("seconds", 20, "of each chat"),
        EBIN,
    ),
)
