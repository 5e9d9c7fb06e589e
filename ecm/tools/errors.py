"""Errors that are not defects: reported in one line, with exit status 1."""


class ToolError(Exception):
    """The program cannot go on. The text says why and what to do."""


class ProcessFailed(ToolError):
    """A child process exited or does not answer. Its log is worth keeping."""
