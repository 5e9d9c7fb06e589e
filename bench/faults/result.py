"""The result of a run, from its record and its users. Pure."""

from collections import Counter
from collections.abc import Iterable, Sequence

import attrs

from bench.faults.messages import Result
from bench.faults.record import Record, quantile
from bench.faults.user import User


def result(record: Record, users: Sequence[User], talkers: range) -> Result:
    """Return all figures. Times are seconds."""
    silences = record.silences(talkers)
    return {
        "messages": len(record.messages),
        "losses": attrs.asdict(record.losses()),
        "sessions_lost": _total(user.lost for user in users),
        "users_with_errors": sum(bool(user.errors) for user in users),
        "errors": _total(user.errors for user in users),
        "silence": [_rounded(quantile(silences, share)) for share in (0.5, 0.99, 1.0)],
    }


def _total(counters: Iterable[Counter[str]]) -> dict[str, int]:
    total: Counter[str] = Counter()
    for each in counters:
        total.update(each)
    return dict(total)


def _rounded(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds, 3)
