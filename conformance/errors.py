"""Errors that end the playing of a script before its last line."""


class SuiteError(Exception):
    """The suite cannot run. The text says what to do."""


class ScriptError(Exception):
    """A script is malformed. The text says what is wrong with the line."""

    def __init__(self, line: int, text: str) -> None:
        super().__init__(f"line {line}: {text}")
        self.line = line
        self.text = text


class Failed(Exception):
    """The server did something else than the script says."""


class Skipped(Exception):
    """The server does not have what the script is about."""
