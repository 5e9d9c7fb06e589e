"""Labels in pictures of matplotlib that something crosses."""

from collections.abc import Iterator

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from matplotlib.text import Text
from matplotlib.transforms import Bbox


def crossed(figure: Figure) -> Iterator[str]:
    """Give the texts in the panels of a figure that a line, a bar or another text touches."""
    FigureCanvasAgg(figure).draw()
    for axes in figure.axes:
        texts = [(each.get_text(), each.get_window_extent()) for each in axes.texts + titles(axes)]
        others = [*drawn(axes)]
        for text, box in texts:
            beside = [each for name, each in texts if name != text]
            if any(box.overlaps(each) for each in (*others, *beside)):
                yield text


def titles(axes: Axes) -> list[Text]:
    return [axes.title, axes.xaxis.label] if axes.title.get_text() else []


def drawn(axes: Axes) -> Iterator[Bbox]:
    """Give the boxes of bars and of straight lines."""
    yield from (bar.get_window_extent() for bar in axes.patches)
    for lines in axes.collections:
        if isinstance(lines, LineCollection):
            for segment in lines.get_segments():
                yield Bbox(axes.transData.transform(segment))
