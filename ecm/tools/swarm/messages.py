"""What the coordinator tells a worker to do, and what a worker reports, as lines of JSON."""

from typing import Any, NamedTuple


class Task(NamedTuple):
    """What a worker is to do, the first line that it reads. Rates are those of this worker alone, a
    number a second; None for as many as it can."""

    address: tuple[str, int]
    host: str
    path: str
    domain: str
    accounts: str | None  # None: SASL ANONYMOUS
    first: int
    users: int
    sources: list[str]
    rate: float | None
    at_once: int
    wait: int
    hold: int
    connections: int
    patience: int


class Talk(NamedTuple):
    """What users do once they are online. ``messages`` is how many there are to be in all, None for
    no end."""

    messages: int | None
    message_rate: float | None
    poll_rate: float | None


# Commands to a worker are {"do": "log in"}, {"do": "talk", ...}, {"do": "hush"} and
# {"do": "leave"}; each of its reports names in "done" what is done of that.
Report = dict[str, Any]
