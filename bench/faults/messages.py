"""Messages between the lab and the process of its users: lines of JSON.

The first line that the process reads is a Task; the rest are commands, ``{"do": name, ...}`` with
the arguments of the method of users.Users that has this name. It writes a Report each second, and
answers the command ``result`` with a Result.
"""

from typing import Any, NamedTuple


class Task(NamedTuple):
    """The number of users, and the port of 127.0.0.1 that they connect to."""

    users: int
    port: int


class Report(NamedTuple):
    """The state of all. ``troubled`` wait to repeat a request that has failed; ``missing`` messages
    have not arrived."""

    online: int
    logging_in: int
    troubled: int
    missing: int
    sessions_lost: int
    users_with_errors: int
    idle: float  # seconds since the last message came


Result = dict[str, Any]
