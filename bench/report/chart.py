"""Draws what was measured, as PNG files in ``bench/results/``."""

from collections.abc import Mapping, Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from bench.report.report import RESULTS

OURS, OTHERS, LIMIT, TEXT = "#0b6e69", "#a9b4be", "#c2410c", "#27313a"

Rows = Sequence[tuple[str, float]]


def bars(title: str, what: str, rows: Rows, budget: float) -> Figure:
    """Return bars of names and figures, and a line for the budget of what is ours."""
    figure = Figure(figsize=(9, 1.9 + 0.52 * len(rows)), layout="constrained")
    draw(figure.add_subplot(), title, what, rows, budget)
    return figure


def draw(axes: Axes, title: str, what: str, rows: Rows, budget: float) -> None:
    """Draw such bars."""
    names, values = [name for name, _ in rows], [value for _, value in rows]
    ours = "ECM" if any(name.startswith("ECM") for name in names) else "mod_ecm"
    colours = [OURS if name.startswith(ours) else OTHERS for name in names]
    drawn = axes.barh(names, values, color=colours, height=0.62)
    labels = axes.bar_label(drawn, [f"{value:.1f}" for value in values], padding=5, color=TEXT)
    for label in labels:
        label.set_bbox({"color": "white", "pad": 1})
    axes.axvline(budget, color=LIMIT, linestyle="--", linewidth=1, zorder=0)
    note = f"budget of {ours}, {budget:g}"
    axes.annotate(note, (budget, -0.62), (4, 0), textcoords="offset points", color=LIMIT, size=9)
    axes.set_xticks([])
    axes.set_ylim(len(rows) - 0.5, -0.95)
    axes.tick_params(left=False, colors=TEXT, labelsize=11)
    axes.set_xlabel(what, color=TEXT)
    axes.spines[["top", "right", "bottom", "left"]].set_visible(False)
    axes.set_title(title, loc="left", weight="bold", size=14, color=TEXT)


def save(name: str, figure: Figure, about: Mapping[str, str]) -> None:
    """Write ``name``.png, with the machine below the picture."""
    programs = ("Python", "Twisted", "nginx", "HAProxy", "Prosody", "ejabberd", "Erlang/OTP")
    versions = [f"{key} {about[key]}" for key in programs if key in about]
    lines = [f"{about['date']}, {about['CPU']}, {about['memory']}", ", ".join(versions)]
    figure.supxlabel("\n".join(lines), size=8, color=OTHERS)
    figure.savefig(RESULTS / f"{name}.png", dpi=160)
