"""What ends ECM before it has begun."""


class StartupError(SystemExit, Exception):
    """Ends twistd with one line and status 1.

    Twistd in the foreground shows a traceback of everything but SystemExit; as a daemon it tells
    the waiting parent only of an Exception.
    """

    def __init__(self, why: object) -> None:
        super().__init__(f"twistd ecm: {why}")
