"""The growth of a series of samples. Pure."""

from collections.abc import Iterable, Sequence
from itertools import combinations
from statistics import median

import attrs

# A point of a series: seconds, and the figure.
Point = tuple[float, float]

FLAT = 0.02  # of its level: what a series may grow


@attrs.frozen
class Trend:
    """``level`` is the median of a series, ``growth`` what it grows by in ``seconds``, and
    ``floor`` the growth that says nothing."""

    level: float
    growth: float
    seconds: float
    floor: float = 0.0

    @property
    def share(self) -> float:
        """Return the growth beside the level."""
        return self.growth / self.level if self.level else 0.0

    @property
    def grows(self) -> bool:
        return self.growth > max(FLAT * self.level, self.floor)


def trend(stretches: Iterable[Sequence[Point]], floor: float = 0.0) -> Trend | None:
    """Return that of all stretches: within each the series is of one and the same thing, which is
    started anew between two of them. None where there are not two points in any.

    The slope is the median of those of all pairs of points within a stretch (Theil-Sen), so that
    no peak turns it.
    """
    used = [points for points in stretches if len(points) > 1]
    slopes = [
        (after - before) / (then - now)
        for points in used
        for (now, before), (then, after) in combinations(points, 2)
        if then > now
    ]
    if not slopes:
        return None
    seconds = sum(points[-1][0] - points[0][0] for points in used)
    level = median(figure for points in used for _, figure in points)
    return Trend(level, median(slopes) * seconds, seconds, floor)
