"""Draws what was measured, as PNG files in ``bench/results/``."""

from collections.abc import Collection, Mapping, Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from bench.report.report import RESULTS

OURS, OTHERS, LIMIT, TEXT = "#0b6e69", "#a9b4be", "#c2410c", "#27313a"

# Of the parts of a bar, in their order.
PARTS = (
    *("#1d4e89", "#3c78b4", "#7ba7d7", "#b9d2ec", "#0b6e69"),
    *("#3fa79f", "#d9a441", "#eac883", "#8a939b", "#c9cfd5"),
)

Rows = Sequence[tuple[str, float]]


def bars(title: str, what: str, rows: Rows, goal: float) -> Figure:
    """Return bars of names and figures, and a line for the goal of what is ours."""
    figure = Figure(figsize=(9, 1.9 + 0.52 * len(rows)), layout="constrained")
    draw(figure.add_subplot(), title, what, rows, goal)
    return figure


def draw(axes: Axes, title: str, what: str, rows: Rows, goal: float | None) -> None:
    """Draw such bars; without a goal there is no line. The line ends below its own name, so that it
    crosses no text."""
    ours = "ECM" if any(name.startswith("ECM") for name, _ in rows) else "mod_ecm"
    most = max([*(value for _, value in rows), goal or 0])
    plain(axes, title, what, rows, {name for name, _ in rows if name.startswith(ours)}, most)
    axes.set_ylim(len(rows) - 0.5, -0.95)
    if goal is not None:
        axes.vlines(goal, -0.5, len(rows) - 0.5, LIMIT, "dashed", linewidth=1, zorder=0)
        side = "left" if goal < most / 2 else "right"
        axes.text(goal, -0.58, f"goal of {ours}: {goal:,g}", color=LIMIT, size=9, ha=side)


def plain(
    axes: Axes, title: str, what: str, rows: Rows, ours: Collection[str], most: float
) -> None:
    """Draw bars on a scale up to ``most``. Figures are right of all of them."""
    names, values = [name for name, _ in rows], [value for _, value in rows]
    axes.barh(names, values, color=[OURS if one in ours else OTHERS for one in names], height=0.62)
    for row, value in enumerate(values):
        axes.text(most * 1.01, row, number(value), va="center", color=TEXT)
    frame(axes, title, what, len(rows), most)


def frame(axes: Axes, title: str, what: str, rows: int, most: float) -> None:
    """Title a panel of bars, the first at the top, and draw no lines around it."""
    axes.set_xticks([])
    axes.set_xlim(0, most * 1.12)
    axes.set_ylim(rows - 0.5, -0.5)
    axes.tick_params(left=False, colors=TEXT, labelsize=11)
    axes.set_xlabel(what, color=TEXT)
    axes.spines[["top", "right", "bottom", "left"]].set_visible(False)
    axes.set_title(title, loc="left", weight="bold", size=14, color=TEXT)


def stacked(axes: Axes, title: str, what: str, rows: Mapping[str, Mapping[str, float]]) -> None:
    """Draw bars of names, each of its parts, and the sum right of it. The names of the parts are
    for a legend."""
    names = list(rows)
    left = [0.0] * len(names)
    for part, color in zip(rows[names[0]], PARTS, strict=False):
        widths = [rows[name][part] for name in names]
        axes.barh(names, widths, left=left, color=color, height=0.62, label=part)
        left = [sum(pair) for pair in zip(left, widths, strict=True)]
    most = max(left)
    for row, value in enumerate(left):
        axes.text(value + most * 0.01, row, number(value), va="center", color=TEXT)
    frame(axes, title, what, len(names), most)


def number(value: float) -> str:
    """Return a figure as people read it."""
    if value >= 1000:
        return f"{value:,.0f}"
    return f"{value:.1f}" if value >= 1 else f"{value:.2f}"


def save(name: str, figure: Figure, about: Mapping[str, str]) -> None:
    """Write ``name``.png, with the machine below the picture."""
    sign(figure, about)
    figure.savefig(RESULTS / f"{name}.png", dpi=160)


def sign(figure: Figure, about: Mapping[str, str]) -> None:
    """Name the machine below a picture."""
    programs = ("Python", "Twisted", "nginx", "HAProxy", "Prosody", "ejabberd", "Erlang/OTP")
    versions = [f"{key} {about[key]}" for key in programs if key in about]
    lines = [f"{about['date']}, {about['CPU']}, {about['memory']}", ", ".join(versions)]
    figure.supxlabel("\n".join(lines), size=8, color=OTHERS)
