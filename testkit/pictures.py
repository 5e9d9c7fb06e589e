"""The pictures of docs/architecture.md, drawn as SVG.

``python -m testkit.pictures`` draws them again; a test says when that is due.
"""

from collections.abc import Callable, Iterator
from html import escape
from pathlib import Path

from testkit.paths import CHECKOUT

FOLDER = CHECKOUT / "docs" / "pictures"

REQUEST, ANSWER, OTHER = "#1f6fb4", "#2d8a4e", "#666666"
PROCESS, PART, PURE = "#f4f4f4", "#ffffff", "#fff6df"

_HEAD = """\
<svg xmlns="http://www.w3.org/2000/svg" width="{0}" height="{1}" viewBox="0 0 {0} {1}"\
 font-family="sans-serif" font-size="13">
<rect width="{0}" height="{1}" fill="#ffffff"/>"""

_ARROWHEAD = """\
<marker id="{0}" markerWidth="9" markerHeight="9" refX="8" refY="4" orient="auto">\
<path d="M0,0 L9,4 L0,8 z" fill="{1}"/></marker>"""


def svg(width: int, height: int, parts: Iterator[str]) -> str:
    heads = [_ARROWHEAD.format(colour[1:], colour) for colour in (REQUEST, ANSWER, OTHER)]
    return "\n".join([_HEAD.format(width, height), *heads, *parts, "</svg>", ""])


def box(x: int, y: int, width: int, height: int, fill: str, *lines: str) -> str:
    """A box; the first of its lines is its name."""
    middle = x + width // 2
    rows = [
        text(middle, y + 19 + 17 * n, line, "bold" if n == 0 else "normal")
        for n, line in enumerate(lines)
    ]
    return (
        f'<rect x="{x}" y="{y}" width="{width}" height="{height}" rx="6" fill="{fill}"'
        f' stroke="#555555"/>{"".join(rows)}'
    )


def text(x: int, y: int, line: str, weight: str = "normal", colour: str = "#222222") -> str:
    return (
        f'<text x="{x}" y="{y}" text-anchor="middle" font-weight="{weight}" fill="{colour}">'
        f"{escape(line)}</text>"
    )


def arrow(colour: str, *points: tuple[int, int], dashed: bool = False) -> str:
    path = " ".join(f"{x},{y}" for x, y in points)
    dashes = ' stroke-dasharray="5,4"' if dashed else ""
    return (
        f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"{dashes}'
        f' marker-end="url(#{colour[1:]})"/>'
    )


def line(*points: tuple[int, int]) -> str:
    path = " ".join(f"{x},{y}" for x, y in points)
    return f'<polyline points="{path}" fill="none" stroke="{OTHER}" stroke-dasharray="2,4"/>'


def way() -> str:
    """The way of one request and its answer."""
    return svg(1110, 380, _way())


def _way() -> Iterator[str]:
    yield box(15, 60, 95, 130, PROCESS, "browser")
    yield box(195, 15, 350, 350, PROCESS, "ECM: one process, one thread")
    yield box(715, 15, 380, 350, PROCESS, "ejabberd with mod_ecm")
    yield box(215, 60, 140, 130, PART, "frontend", "connections of", "clients, their", "exchanges")
    yield box(390, 60, 135, 130, PART, "upstream", "who waits for", "an answer;", "the link")
    yield box(215, 225, 140, 58, PURE, "http", "bytes to requests")
    yield box(390, 225, 135, 58, PURE, "link", "packets, messages")
    yield box(215, 312, 310, 34, PART, "net: sockets of clients and of the link")
    yield box(730, 60, 130, 50, PART, "ecm_link", "reads")
    yield box(730, 140, 130, 50, PART, "ecm_link_writer", "writes")
    yield box(730, 225, 130, 58, PURE, "ecm_link_…", "packets, messages")
    yield box(885, 60, 90, 50, PART, "ecm_router", "whose is it?")
    yield box(1000, 60, 85, 130, PART, "ecm_c2s", "the session")
    yield box(955, 225, 130, 58, PURE, "ecm_bosh", "the rules of BOSH")
    for x, y in ((285, 190), (457, 190), (795, 190), (1042, 190)):
        yield line((x, y), (x, y + 35))
    for x in (285, 457):
        yield line((x, 283), (x, 312))
    for x, after in ((110, 215), (355, 390), (525, 730), (860, 885), (975, 1000)):
        yield arrow(REQUEST, (x, 85), (after, 85))
    for x, after in ((1000, 860), (730, 525), (390, 355), (215, 110)):
        yield arrow(ANSWER, (x, 165), (after, 165))
    yield text(153, 77, "POST", colour=REQUEST)
    yield text(153, 157, "200 OK", colour=ANSWER)
    yield text(630, 77, "7 | request | body", colour=REQUEST)
    yield text(630, 157, "7 | answer 200 | body", colour=ANSWER)
    yield text(630, 125, "one TCP link")
    yield box(735, 319, 24, 20, PURE)
    yield text(895, 334, "pure: bytes and time in, events out")


def processes() -> str:
    """The processes of ``--workers``, and what goes between them."""
    return svg(1060, 400, _processes())


def _processes() -> Iterator[str]:
    yield box(15, 165, 95, 60, PROCESS, "browsers")
    yield box(
        250, 20, 220, 80, PROCESS, "supervisor", "twistd: listens, accepts,", "chooses a worker"
    )
    yield box(
        620,
        20,
        200,
        80,
        PROCESS,
        "fork server",
        "imported everything; has",
        "no reactor, but a spare",
    )
    for n, y in (("1", 150), ("2", 230), ("N", 310)):
        yield box(420, y, 220, 56, PROCESS, f"worker {n}", "frontend, upstream, net")
    yield box(860, 150, 185, 216, PROCESS, "ejabberd", "mod_ecm")
    for y in (178, 258, 338):
        yield arrow(ANSWER, (640, y), (860, y))
    yield text(750, 170, "a link of its own", colour=ANSWER)
    yield arrow(OTHER, (470, 45), (620, 45))
    yield text(545, 37, "orders")
    yield arrow(OTHER, (720, 100), (720, 125), (600, 125), (600, 150), dashed=True)
    yield text(662, 118, "fork")
    yield arrow(REQUEST, (62, 165), (62, 60), (250, 60))
    yield text(150, 52, "connect", colour=REQUEST)
    yield arrow(REQUEST, (330, 100), (330, 178), (420, 178), dashed=True)
    yield text(330, 200, "the connection,", colour=REQUEST)
    yield text(330, 217, "as a file descriptor", colour=REQUEST)
    yield arrow(REQUEST, (62, 225), (62, 338), (420, 338))
    yield text(240, 330, "from then on: requests and answers", colour=REQUEST)


PICTURES: dict[str, Callable[[], str]] = {
    "request.svg": way,
    "processes.svg": processes,
}


def draw(folder: Path = FOLDER) -> None:
    folder.mkdir(exist_ok=True)
    for name, drawn in PICTURES.items():
        (folder / name).write_text(drawn())


if __name__ == "__main__":
    draw()
