"""Errors that end ECM at start-up."""


class StartupError(SystemExit, Exception):
    """Ends twistd with one line and status 1.

    It is a SystemExit, because twistd in the foreground prints a traceback of anything else, and
    an Exception, because twistd as a daemon reports nothing else to the waiting parent process.
    """

    def __init__(self, why: object) -> None:
        super().__init__(f"twistd ecm: {why}")
        self.why = f"{why}"
