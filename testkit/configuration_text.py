"""The tables of docs/configuration.md, made from the fields of the settings and from the limits.

``python -m testkit.configuration_text`` writes them again; a test says when that is due.
"""

import inspect
import re
from collections.abc import Iterator

from ecm import limits
from ecm.config import printed
from ecm.config.command_line import GROUPS
from ecm.config.environment import variable
from ecm.option import Option
from testkit.made_text import renewed
from testkit.paths import CHECKOUT

FILE = CHECKOUT / "docs" / "configuration.md"


def options() -> Iterator[str]:
    for title, group in GROUPS:
        yield f"### {title}"
        yield ""
        yield "| option | default | range | meaning |"
        yield "| --- | --- | --- | --- |"
        yield from map(_row, group)
        yield ""


def names() -> Iterator[str]:
    yield "| flag | variable | in the file |"
    yield "| --- | --- | --- |"
    for _, group in GROUPS:
        for option in group:
            key = "" if option.name == "config" else f"`{_example(option)}`"
            yield f"| `--{option.name}` | `{variable(option.name)}` | {key} |"


def former_names() -> Iterator[str]:
    yield "| former name | name |"
    yield "| --- | --- |"
    for _, group in GROUPS:
        for option in group:
            if option.former:
                yield f"| `--{option.former}` | `--{option.name}` |"


def reasons() -> Iterator[str]:
    found = dict(_reasons(inspect.getsource(limits)))
    for _, group in GROUPS:
        for option in group:
            constant = option.name.upper().replace("-", "_")
            if constant in found:
                yield f"* `--{option.name}`: {found[constant]}"


PARTS = {each.__name__: each for each in (options, names, former_names, reasons)}


def _example(option: Option) -> str:
    """Return the line of an option in the file: its default, or what stands for another value."""
    texts = option.shown.split(", ") if option.shown else []
    if not option.unit:
        return f"{option.name} = true"
    if not texts:
        texts = [option.unit.upper()]
    return printed.line(option, texts)


def _row(option: Option) -> str:
    usage = f"`--{option.name} {option.unit.upper()}`".replace(" `", "`")
    several = " *" if option.collect else ""
    default = f"`{option.shown}`" if option.shown else ""
    span = "{} to {}".format(*option.range) if option.range else ""
    return f"| {usage}{several} | {default} | {span} | {option.help} |"


def _reasons(source: str) -> Iterator[tuple[str, str]]:
    """Yield each constant, with the comment that stands above it."""
    for comment, constant in re.findall(r"((?:^# .*\n)+)^([A-Z_]+): Final", source, re.MULTILINE):
        yield constant, " ".join(line.removeprefix("# ") for line in comment.splitlines())


if __name__ == "__main__":
    FILE.write_text(renewed(FILE.read_text(), PARTS))
