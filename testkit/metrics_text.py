"""The tables of docs/metrics.md, made from the tables of the metrics.

``python -m testkit.metrics_text`` writes them again; a test says when that is due.
"""

from collections.abc import Iterator

from ecm.exposition.families import FAMILIES
from ecm.metrics import FIELDS, Family
from testkit.made_text import renewed
from testkit.paths import CHECKOUT

FILE = CHECKOUT / "docs" / "metrics.md"


def metrics() -> Iterator[str]:
    yield "| name | kind | labels | meaning |"
    yield "| --- | --- | --- | --- |"
    for family in FAMILIES:
        yield f"| `{family.name}` | {family.kind.value} | {_labels(family)} | {family.help} |"


def counters() -> Iterator[str]:
    yield "| in the log | metric |"
    yield "| --- | --- |"
    for field in FIELDS:
        family: Family = field.metadata["family"]
        shown = f"{field.name}.{family.labels[0].upper()}" if family.labels else field.name
        yield f"| `{shown}` | `{family.name}` |"


def _labels(family: Family) -> str:
    if family.values:
        return f"`{family.labels[0]}`: {', '.join(family.values)}"
    return ", ".join(f"`{label}`" for label in family.labels)


PARTS = {each.__name__: each for each in (metrics, counters)}


if __name__ == "__main__":
    FILE.write_text(renewed(FILE.read_text(), PARTS))
