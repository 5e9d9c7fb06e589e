"""Labels in pictures of matplotlib that something crosses."""

from collections.abc import Iterator

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from matplotlib.text import Text
from matplotlib.transforms import Bbox


def crossed(figure: Figure) -> Iterator[str]:
    """Give all texts, those around the panels and in legends included, that a line, a bar or
    another text touches."""
    FigureCanvasAgg(figure).draw()
    hidden = {id(text) for axes in figure.axes for text in beyond(axes)}
    found = [text for text in figure.findobj(Text) if text.get_text() and id(text) not in hidden]
    texts = [(text, text.get_window_extent()) for text in found]
    lines = [box for axes in figure.axes for box in drawn(axes)]
    for text, box in texts:
        beside = [each for other, each in texts if other is not text]
        if any(box.overlaps(each) for each in (*lines, *beside)):
            yield text.get_text()


def beyond(axes: Axes) -> Iterator[Text]:
    """Give the labels that are not drawn: of ticks out of sight, or that another panel has."""
    for axis in (axes.xaxis, axes.yaxis):
        low, high = sorted(axis.get_view_interval())
        for tick in axis.get_major_ticks():
            for label in (tick.label1, tick.label2):
                if not (label.get_visible() and low <= tick.get_loc() <= high):
                    yield label


def drawn(axes: Axes) -> Iterator[Bbox]:
    """Give the boxes of bars and of straight lines."""
    yield from (bar.get_window_extent() for bar in axes.patches)
    for lines in axes.collections:
        if isinstance(lines, LineCollection):
            for segment in lines.get_segments():
                yield Bbox(axes.transData.transform(segment))
