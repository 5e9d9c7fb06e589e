"""The file of ``--config``: TOML, whose keys are the names of the options.

An option that may be given several times takes a list, or one text; a flag true or false; a number
a whole number; anything else a text.
"""

import re
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from ecm.config.nearest import nearest
from ecm.config.sources import Source
from ecm.limits import MAX_CONFIG
from ecm.option import Option

# What tomllib says behind a mistake.
_PLACE: Final = re.compile(r" \(at (?:line ([0-9]+), column ([0-9]+)|end of document)\)\Z")


def read(file: str, options: Mapping[str, Option]) -> dict[str, Source]:
    """Return what a file gives, by the name of the option; ``options`` are all, by name.

    Raises ValueError: the file, the line, and what is wrong there.
    """
    text = _content(file)
    file = _shown(file)
    try:
        found = tomllib.loads(text)
    except ValueError as error:  # of tomllib, or of Python for a number with too many digits
        raise ValueError(_mistake(file, text, str(error))) from None
    except RecursionError:
        raise ValueError(f"{file}: lists in lists in lists, without an end") from None
    return {name: _source(file, text, options, name, value) for name, value in found.items()}


def line_of(text: str, key: str) -> int:
    """Return the number of the line on which a key of a TOML document begins, from 1.

    ``key`` is one of the keys outside all tables, or the first part of one, or of a table's name.
    """
    lines = text.splitlines(keepends=True)
    begins = re.compile(rf"""\s*\[{{0,2}}\s*(["']?){re.escape(key)}\1\s*[.=\]]""")
    for number, line in enumerate(lines):
        if begins.match(line) and _is_whole("".join(lines[:number])):
            return number + 1
    return 1


def _is_whole(text: str) -> bool:
    """Return whether no list, and no text of several lines, is open at the end."""
    try:
        tomllib.loads(text)
    except ValueError:
        return False
    return True


def _content(file: str) -> str:
    try:
        if Path(file).is_fifo():
            raise ValueError(f"{_shown(file)}: is a pipe, which a reload cannot read again")
        with Path(file).open("rb") as opened:
            content = opened.read(MAX_CONFIG + 1)
        if len(content) > MAX_CONFIG:
            raise ValueError(f"{_shown(file)}: has more than {MAX_CONFIG:,} bytes")
        return content.decode()
    except OSError as error:
        raise ValueError(f"{_shown(file)}: {error.strerror}") from None
    except UnicodeDecodeError as error:
        line = 1 + content[: error.start].count(b"\n")
        raise ValueError(f"{_shown(file)}:{line}: is not UTF-8") from None


def _mistake(file: str, text: str, why: str) -> str:
    place = _PLACE.search(why)
    line = place[1] if place and place[1] else len(text.splitlines()) or 1
    column = f", column {place[2]}" if place and place[2] else ""
    return f"{file}:{line}: {_PLACE.sub('', why)}{column}"


def _source(file: str, text: str, options: Mapping[str, Option], name: str, value: Any) -> Source:
    where = f"{file}:{line_of(text, name)}"
    option = options.get(name)
    if option is None:
        raise ValueError(f"{where}: {_unknown(name, value, options)}")
    try:
        return Source(tuple(_texts(option, value)), where)
    except ValueError as error:
        raise ValueError(f"{where}: {name}: {error}") from None


def _unknown(name: str, value: Any, options: Mapping[str, Option]) -> str:
    shown = _shown(name)
    if _is_table(value):
        return f"options stand outside of tables, there is none called {shown}"
    meant = nearest(name, options)
    return f"there is no option {shown}{f', perhaps {meant}' if meant else ''}"


def _is_table(value: Any) -> bool:
    return isinstance(value, dict) or (isinstance(value, list) and dict in map(type, value))


def _texts(option: Option, value: Any) -> Iterator[str]:
    """Yield the texts that a value is; as on the command line. Raises ValueError."""
    if not option.unit:
        if not isinstance(value, bool):
            raise ValueError("give true or false")
        yield "true" if value else "false"
    elif option.collect and isinstance(value, list):
        if not value:
            raise ValueError("the list is empty: leave it out, or give something")
        for each in value:
            yield _text(each)
    elif option.range and not (isinstance(value, str) and option.name == "workers"):
        if isinstance(value, bool) or not isinstance(value, int):
            raise ValueError("give a whole number, without quotes")
        yield str(value)
    else:
        yield _text(value, " or a list of texts" if option.collect else "")


def _text(value: Any, more: str = "") -> str:
    if not isinstance(value, str):
        raise ValueError(f"give a text in quotes{more}")
    return value


def _shown(text: str) -> str:
    """Return a text for a message, which is one line."""
    return text if text.isprintable() else ascii(text)
