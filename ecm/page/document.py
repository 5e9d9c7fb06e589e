"""The pages as documents: a head with style and policy, the bar, and what is shown. Pure."""

from typing import Final
from urllib.parse import quote

from ecm.page.files import SCRIPT, STYLE
from ecm.page.html import Markup, join, tag
from ecm.page.sections import sections
from ecm.page.signs import utc
from ecm.page.tiles import tiles
from ecm.page.view import View, concerns
from ecm.page.words import plural, span

# Seconds between two looks of a browser that runs no script.
REFRESH: Final = "10"

# Reasons that are said; each of many workers may have one of its own.
MOST_LINES: Final = 5

_ICON: Final = (
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 16 16"><circle cx="8" cy="8" r="8"'
    ' fill="{0}"/><path d="{1}" fill="none" stroke="#fff" stroke-width="2.4"/></svg>'
)
_READY_ICON: Final = ("#107a43", "M4 8.5l3 3 5-6.5")
_BAD_ICON: Final = ("#b3261e", "M5 5l6 6M11 5l-6 6")


def status_page(view: View) -> str:
    """Return the status page."""
    refresh = tag("noscript", tag("meta", http_equiv="refresh", content=REFRESH))
    state = "not ready" if view.reasons else "ready"
    body = join(
        bar(),
        tag(
            "main",
            _state(view),
            tag("p", "ECM does not answer: what is below is old.", class_="stale", role="alert"),
            tag("div", tiles(view), id="figures", data_live=True, class_="live"),
            tag("div", sections(view), class_="live"),
        ),
        tag("footer", _footer(view), id="foot", data_live=True),
        tag("script", Markup(SCRIPT)),
    )
    return document(f"{state} – Megaphone", body, refresh, is_good=not view.reasons)


def document(title: str, body: Markup, more: str = "", is_good: bool = True) -> str:
    """Return a page; ``more`` is for its head."""
    icon = quote(_ICON.format(*(_READY_ICON if is_good else _BAD_ICON)), safe="")
    head = tag(
        "head",
        tag("meta", charset="utf-8"),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("title", title),
        tag("link", rel="icon", href=f"data:image/svg+xml,{icon}"),
        tag("style", Markup(STYLE)),
        more,
    )
    return f"<!doctype html>\n{tag('html', head, tag('body', body), lang='en')}\n"


def bar(who: str = "") -> Markup:
    """Return what stands above each page: its name, and the form for one user."""
    form = tag(
        "form",
        tag("label", "JID, address or SID of a user", for_="who"),
        tag(
            "input",
            id="who",
            name="who",
            value=who,
            placeholder="JID, address or SID of a user",
            autocomplete="off",
            spellcheck="false",
            required=True,
        ),
        tag("button", "Find"),
        action="user",
        method="get",
        role="search",
    )
    return tag("header", tag("strong", tag("a", "Megaphone", href="status")), form, class_="bar")


def _state(view: View) -> Markup:
    troubles = concerns(view)
    if view.reasons:
        kind, mark, words, lines = "bad", "✗", "Not ready", list(view.reasons)
    elif troubles:
        kind, mark, words, lines = "warn", "!", "Ready, but", troubles
    else:
        kind, mark, words, lines = "", "✓", "Ready", []
    title = tag("h1", tag("span", mark, class_="mark", aria_hidden="true"), words)
    if len(lines) > MOST_LINES:
        lines = [*lines[:MOST_LINES], f"and {len(lines) - MOST_LINES} more"]
    listed = tag("ul", *[tag("li", line) for line in lines]) if lines else ""
    # A screen reader says the state when it changes, but not for how long it has been so.
    state = tag("div", title, listed, id="state", data_live=True, role="status")
    about = tag("p", _about(view), class_="quiet", id="about", data_live=True)
    return tag("div", state, about, class_=f"state {kind}".strip())


def _about(view: View) -> str:
    up = sum(link.up for _, link in view.links)
    return (
        f"ECM {view.version}, since {utc(view.started)} ({span(view.now - view.started)}),"
        f" with {plural(len(view.processes), 'worker')}"
        f" and {up} of {plural(len(view.links), 'link')} up"
    )


def _footer(view: View) -> Markup:
    return join(
        f"As of {utc(view.now)}. The same for programs: ",
        tag("a", "status.json", href="status.json"),
        ", ",
        tag("a", "metrics", href="metrics"),
        ", ",
        tag("a", "readyz", href="readyz"),
        ".",
    )
