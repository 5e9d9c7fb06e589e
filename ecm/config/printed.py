"""The options in force as a file for --config, with where each comes from. Pure."""

import json
from collections.abc import Iterator, Sequence

from ecm.option import Option
from ecm.settings import Settings


def toml(settings: Settings, groups: Sequence[tuple[str, list[Option]]]) -> str:
    """Return the file: all options in their groups, those without a value as comments."""
    return "\n".join(_lines(settings, groups)).lstrip("\n") + "\n"


def _lines(settings: Settings, groups: Sequence[tuple[str, list[Option]]]) -> Iterator[str]:
    for title, options in groups:
        yield f"\n# {title}"
        for option in options:
            if option.name != "config":  # a file names no other one
                texts, origin = settings.texts[option.name], settings.origins[option.name]
                yield _line(option, texts, origin)


def _line(option: Option, texts: Sequence[str], origin: str) -> str:
    if not option.unit:
        texts = texts or ["false"]
    if not texts:
        return f"# {option.name} =  # none ({origin})"
    return f"{line(option, texts)}  # {origin}"


def line(option: Option, texts: Sequence[str]) -> str:
    """Return the line of an option in a file."""
    return f"{option.name} = {_value(option, texts)}"


def _value(option: Option, texts: Sequence[str]) -> str:
    if option.collect and len(texts) > 1:
        return f"[{', '.join(map(_text, texts))}]"
    last = texts[-1]
    is_bare = not option.unit or (option.range is not None and last.isdecimal())
    return last if is_bare else _text(last)


def _text(text: str) -> str:
    """Return a text as TOML has it: as JSON, but for one sign."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")
