"""The file of a soak: lines of JSON, a head for each piece and then its samples. Pure.

    {"piece": 1, "users": 20000, "seconds": 28800.0, "about": {"date": ..., "ejabberd": ...}}
    {"piece": 1, "at": 60.0, "settled": 0.0, "generation": 1, "former": 0, "since": 60.0, ...}

A piece may end at any line, and the next one is written behind it. ``seconds`` is what was planned.
Of a sample ``at`` is seconds since the piece began, ``settled`` those since all users were online,
``generation`` counts the reloads of ECM, from 1, ``former`` are its workers that are still ending,
``since`` is seconds since the last reload, or since all were online. The rest are figures, by name,
and under ``errors`` those of the users.
"""

import json
from collections import defaultdict
from collections.abc import Callable, Iterator
from typing import Any

import attrs

from bench.soak.trend import Point

Figures = dict[str, Any]

WARM_UP = 3600.0  # seconds, of a long piece
SHARE = 8  # of a short one: an eighth


@attrs.frozen
class Piece:
    """One run. ``planned`` is in seconds."""

    number: int
    users: int
    planned: float
    about: dict[str, str]
    samples: list[Figures]

    @property
    def warm_up(self) -> float:
        return warm_up(self.planned)

    @property
    def judged(self) -> list[Figures]:
        """Return the samples behind the warm-up."""
        return [each for each in self.samples if each["settled"] >= self.warm_up]


def warm_up(seconds: float) -> float:
    """Return the seconds of a piece that do not count."""
    return min(WARM_UP, seconds / SHARE)


def head(number: int, users: int, seconds: float, about: dict[str, str]) -> str:
    return _line({"piece": number, "users": users, "seconds": seconds, "about": about})


def sample(piece: int, figures: Figures) -> str:
    return _line({"piece": piece, **figures})


def _line(told: Figures) -> str:
    return json.dumps(told, separators=(",", ":")) + "\n"


def resumed(text: str) -> str:
    """Return what has to stand before the next head, behind what is in the file: force may have
    ended the last piece within a line."""
    return "" if not text or text.endswith("\n") else "\n"


def pieces(text: str) -> list[Piece]:
    """Read a file. What was cut off at the end of a piece by force is left out."""
    found: dict[int, Piece] = {}
    for told in _told(text):
        number = told.pop("piece")
        if "about" in told:
            found[number] = Piece(number, told["users"], told["seconds"], told["about"], [])
        elif number in found:
            found[number].samples.append(told)
    return [*found.values()]


def _told(text: str) -> Iterator[Figures]:
    for line in text.splitlines():
        try:
            told = json.loads(line)
        except ValueError:
            continue
        yield told


def next_number(found: list[Piece]) -> int:
    return max((piece.number for piece in found), default=0) + 1


def by_piece(found: list[Piece], figure: Callable[[Figures], float]) -> list[list[Point]]:
    """Return the stretches of what lives as long as a piece."""
    return [[(each["settled"], figure(each)) for each in piece.judged] for piece in found]


def by_generation(found: list[Piece], figure: Callable[[Figures], float]) -> list[list[Point]]:
    """Return those of what lives as long as a generation of ECM's workers. Each has a warm-up, too,
    a quarter of what the piece has, and nothing of its predecessor is left."""
    stretches: dict[tuple[int, int], list[Point]] = defaultdict(list)
    for piece in found:
        for each in piece.judged:
            if not each["former"] and each["since"] >= piece.warm_up / 4:
                key = piece.number, each["generation"]
                stretches[key].append((each["settled"], figure(each)))
    return [*stretches.values()]
