"""The series that are watched over a soak, and the trend of each. Pure."""

from collections.abc import Callable

import attrs

from bench.soak.record import Figures, Piece, by_generation, by_piece
from bench.soak.trend import Point, Trend, trend

Stretches = Callable[[list[Piece], Callable[[Figures], float]], list[list[Point]]]

MB = 1e6


@attrs.frozen
class Series:
    """``unit`` is what a figure is divided by to be shown. With ``each`` it is that of one user who
    is online, as their number moves. A growth below the ``floor`` says nothing."""

    name: str
    unit: float = 1.0
    floor: float = 0.0
    each: bool = False
    stretches: Stretches = by_piece

    def figure(self, figures: Figures) -> float:
        return float(figures[self.name]) / (max(figures["online"], 1) if self.each else 1)

    def trend(self, found: list[Piece]) -> Trend | None:
        floor = self.floor / max((piece.users for piece in found), default=1)
        return trend(self.stretches(found, self.figure), floor if self.each else self.floor)

    @property
    def label(self) -> str:
        return f"{self.name}{' per user' * self.each}{', MB' * (self.unit == MB)}"


def _bytes(name: str, stretches: Stretches = by_piece) -> Series:
    return Series(name, MB, MB, stretches=stretches)


def _count(name: str, floor: float = 10.0, each: bool = False, of: Stretches = by_piece) -> Series:
    return Series(name, 1.0, floor, each, of)


SERIES = (
    _bytes("RSS of ECM", by_generation),
    _bytes("PSS of ECM", by_generation),
    _bytes("RSS of its supervisor"),
    _count("files of ECM", each=True, of=by_generation),
    _bytes("RSS of beam"),
    _count("files of beam"),
    _bytes("memory in use by Erlang"),
    _bytes("memory of processes"),
    _bytes("binaries"),
    _bytes("memory of tables"),
    _bytes("allocators"),
    _count("processes beside sessions"),
    _count("ports"),
    _count("atoms", 100.0),
    _count("tables"),
    _count("sessions", each=True),
    _count("offline messages", 100.0),
    _count("rows of Mnesia", 100.0),
)


def judged(found: list[Piece]) -> list[tuple[Series, Trend | None]]:
    return [(each, each.trend(found)) for each in SERIES]
