"""Tables that a telephone shows as cards: each cell knows the name of its column. Pure.

Roles are said, as a style that makes cards of rows would take them away from screen readers.
"""

from collections.abc import Iterable, Sequence

import attrs

from ecm.page.html import Markup, join, tag


@attrs.frozen
class Column:
    """A column; numbers stand at its right end. A ``wide`` one takes a whole line of a card."""

    title: str
    is_number: bool = False
    wide: bool = False


# The cells of a row, in the order of the columns; the first one names the row.
Row = Sequence[str]


def table(title: str, columns: Sequence[Column], rows: Iterable[Row], nothing: str) -> Markup:
    """Return a table under its title; ``nothing`` is said where it would have no rows."""
    lines = [_row(columns, row) for row in rows]
    if not lines:
        return join(tag("h2", title), tag("p", nothing, class_="empty"))
    heads = [
        tag("th", each.title, scope="col", role="columnheader", class_=_class(each))
        for each in columns
    ]
    head = tag("thead", tag("tr", *heads, role="row"), role="rowgroup")
    body = tag("tbody", *lines, role="rowgroup")
    return join(tag("h2", title), tag("table", head, body, role="table", aria_label=title))


def _row(columns: Sequence[Column], row: Row) -> Markup:
    first = tag("th", row[0], scope="row", role="rowheader")
    rest = zip(columns[1:], row[1:], strict=True)
    cells = [
        tag("td", cell, role="cell", data_label=column.title, class_=_class(column))
        for column, cell in rest
    ]
    return tag("tr", first, *cells, role="row")


def _class(column: Column) -> str | bool:
    classes = [name for name, on in (("num", column.is_number), ("wide", column.wide)) if on]
    return " ".join(classes) or False
