"""The queries of what is deployed beside ECM: of the alerts, and of the dashboard."""

import json
import re
from collections.abc import Iterator

import attrs

from testkit.paths import CHECKOUT

RULES = CHECKOUT / "deploy" / "prometheus" / "ecm.rules.yml"
RULE_TESTS = RULES.with_name("ecm.rules_test.yml")
BOARD = CHECKOUT / "deploy" / "grafana" / "ecm.json"

_METRIC = re.compile(r"\b(?P<name>(?:ecm|process)_[a-z_]+)\b(?:\{(?P<labels>[^}]*)\})?")
_LABEL = re.compile(r'(?P<label>\w+)(?:=~|!~|!=|=)"(?P<value>[^"]*)"')


@attrs.frozen
class Used:
    """A metric in a query, with the labels that are asked for, and their values."""

    name: str
    labels: tuple[tuple[str, str], ...]


def used(text: str) -> Iterator[Used]:
    """Yield the metrics of queries."""
    for found in _METRIC.finditer(text):
        labels = _LABEL.findall(found["labels"] or "")
        yield Used(found["name"], tuple(labels))


def queries_of_the_board() -> list[str]:
    """Return the queries of all panels and variables."""
    board = json.loads(BOARD.read_text())
    targets = [target["expr"] for panel in board["panels"] for target in panel.get("targets", ())]
    variables = [each["definition"] for each in board["templating"]["list"] if "definition" in each]
    return targets + variables
