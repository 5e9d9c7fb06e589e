"""Lines over the last hour, as SVG: and in words for whoever does not see them.

The drawing is stretched to its place, so it has no text of its own. Pure.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Final

from ecm.page.history import SAMPLES
from ecm.page.html import Markup, tag
from ecm.page.words import NONE

WIDTH: Final = SAMPLES
HEIGHT: Final = 48

# Space above the highest point, for the width of the line.
_ABOVE: Final = 2

Values = Sequence[float | None]
Said = Callable[[float], str]


def chart(name: str, say: Said, lines: Sequence[tuple[str, Values]]) -> Markup:
    """Return a drawing of lines, each with its name, over one scale from 0 to their peak.

    The first one has its area filled; the others are dashed. ``name`` is what they are of.
    """
    top = _peak([values for _, values in lines]) or 1.0
    words = f"{name}, last hour: {'; '.join(_told(line, values, say) for line, values in lines)}"
    shapes: list[str] = [tag("title", words), _base()]
    for number, (_, values) in enumerate(lines):
        for points in _runs(values, top):
            if number == 0:
                shapes.append(_area(points))
            shapes.append(tag("polyline", points=_text(points), class_=f"line line-{number + 1}"))
    return tag(
        "svg",
        *shapes,
        role="img",
        aria_label=words,
        viewBox=f"0 0 {WIDTH} {HEIGHT}",
        preserveAspectRatio="none",
    )


def peak(values: Values) -> float | None:
    """Return the highest value, None if none is known."""
    return _peak([values])


def _peak(lines: Sequence[Values]) -> float | None:
    return max((each for values in lines for each in values if each is not None), default=None)


def _told(line: str, values: Values, say: Said) -> str:
    """Return a line in words."""
    known = [each for each in values if each is not None]
    if not known:
        return f"{line} {NONE}"
    return f"{line} from {say(min(known))} to {say(max(known))}, now {say(known[-1])}"


Point = tuple[int, float]


def _runs(values: Values, top: float) -> Iterator[list[Point]]:
    """Yield the points of each stretch without a gap. The last value is at the right edge."""
    run: list[Point] = []
    for x, value in enumerate(values, WIDTH - len(values) + 1):
        if value is not None:
            run.append((x, round(HEIGHT - (HEIGHT - _ABOVE) * value / top, 1)))
        elif run:
            yield run
            run = []
    if run:
        yield run


def _text(points: Sequence[Point]) -> str:
    """Return points as SVG has them; one alone is a line of a unit, as it would not be seen."""
    if len(points) == 1:
        points = [(points[0][0] - 1, points[0][1]), *points]
    return " ".join(f"{x},{y:g}" for x, y in points)


def _area(points: Sequence[Point]) -> Markup:
    first, last = points[0][0], points[-1][0]
    return tag("polygon", points=f"{first},{HEIGHT} {_text(points)} {last},{HEIGHT}", class_="area")


def _base() -> Markup:
    """Return the line of 0."""
    return tag("polyline", points=f"0,{HEIGHT} {WIDTH},{HEIGHT}", class_="base")
