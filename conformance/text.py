"""Texts of a server, made fit to be shown to people."""

_MAX_LINE = 2000  # characters of a line


def printable(text: str) -> str:
    """The text without what a terminal would obey, in lines that can be read."""
    return "\n".join(_line(line) for line in text.split("\n"))


def _line(line: str) -> str:
    shown = line if len(line) <= _MAX_LINE else f"{line[:_MAX_LINE]} […]"
    return "".join(one if one.isprintable() or one == "\t" else "\ufffd" for one in shown)
