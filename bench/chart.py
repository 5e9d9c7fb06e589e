"""Draws what was measured, as PNG files in ``bench/results/``."""

from collections.abc import Mapping, Sequence

from matplotlib.figure import Figure

from bench.report import RESULTS

OURS, OTHERS, LIMIT, TEXT = "#0b6e69", "#a9b4be", "#c2410c", "#27313a"


def bars(title: str, what: str, rows: Sequence[tuple[str, float]], budget: float) -> Figure:
    """Return bars of names and figures, and a line for ECM's budget."""
    figure = Figure(figsize=(9, 1.9 + 0.52 * len(rows)), layout="constrained")
    axes = figure.add_subplot()
    names, values = [name for name, _ in rows], [value for _, value in rows]
    colours = [OURS if name.startswith("ECM") else OTHERS for name in names]
    drawn = axes.barh(names, values, color=colours, height=0.62)
    labels = axes.bar_label(drawn, [f"{value:.1f}" for value in values], padding=5, color=TEXT)
    for label in labels:
        label.set_bbox({"color": "white", "pad": 1})
    axes.axvline(budget, color=LIMIT, linestyle="--", linewidth=1, zorder=0)
    note = f"budget of ECM, {budget:g}"
    axes.annotate(note, (budget, -0.62), (4, 0), textcoords="offset points", color=LIMIT, size=9)
    axes.set_xticks([])
    axes.set_ylim(len(rows) - 0.5, -0.95)
    axes.tick_params(left=False, colors=TEXT, labelsize=11)
    axes.set_xlabel(what, color=TEXT)
    axes.spines[["top", "right", "bottom", "left"]].set_visible(False)
    axes.set_title(title, loc="left", weight="bold", size=14, color=TEXT)
    return figure


def save(name: str, figure: Figure, about: Mapping[str, str]) -> None:
    """Write ``name``.png, with the machine below the picture."""
    programs = ("Python", "Twisted", "nginx", "HAProxy")
    versions = [f"{key} {about[key]}" for key in programs if key in about]
    lines = [f"{about['date']}, {about['CPU']}, {about['memory']}", ", ".join(versions)]
    figure.supxlabel("\n".join(lines), size=8, color=OTHERS)
    figure.savefig(RESULTS / f"{name}.png", dpi=160)
