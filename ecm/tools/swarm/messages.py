"""Messages between the coordinator and a worker: lines of JSON."""

from typing import Any, NamedTuple


class Task(NamedTuple):
    """The task of a worker, the first line that it reads.

    Rates are those of this worker alone, a number a second; None is as fast as possible.
    ``trusted`` is the file with the authorities that may have signed the server's certificate,
    empty for those of this machine, None if it is not looked at.
    """

    address: tuple[str, int]
    transport: str  # of addresses.Target
    tls: str
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
    login: str  # a choice of --login
    storm: int  # the last of the users, who log in later, all at once
    trusted: str | None = None


class Talk(NamedTuple):
    """The activity of online users. ``messages`` is the total number, None for no limit."""

    messages: int | None
    message_rate: float | None
    poll_rate: float | None


# Commands to a worker are {"do": "log in"}, {"do": "talk", ...}, {"do": "storm"}, {"do": "hush"}
# and {"do": "leave"}; each report names in "done" the command that is complete. From
# {"do": "churn", "rate": ..., "absence": ...} on users go and come again (churn.py); ecm-swarm has
# no option for it, since its result is of users who stay: make soak has.
Report = dict[str, Any]
