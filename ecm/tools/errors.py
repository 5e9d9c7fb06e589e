"""What may go wrong and is no defect: said in one line, with exit status 1."""


class DemoError(Exception):
    """The demo cannot go on. The text says why and what to do."""


class ChildFailed(DemoError):
    """A process that was started has ended or does not answer. Its log is worth keeping."""
