"""Parts of documents that are made, between two marks."""

import re
from collections.abc import Callable, Iterable, Mapping


def renewed(text: str, parts: Mapping[str, Callable[[], Iterable[str]]]) -> str:
    """Return the text with each part, known by the name in its mark, made again."""
    for name, part in parts.items():
        made = "\n".join(part()).strip("\n")
        mark, end = f"<!-- made: {name} -->", "<!-- end -->"
        pattern = re.escape(mark) + ".*?" + re.escape(end)
        text, found = re.subn(pattern, lambda _: f"{mark}\n{made}\n{end}", text, flags=re.DOTALL)  # noqa: B023
        assert found == 1, name
    return text
