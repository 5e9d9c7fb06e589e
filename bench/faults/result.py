"""The result of a run, from its record and its users. Pure."""

from collections import Counter
from collections.abc import Iterable, Sequence, Set

import attrs

from bench.faults.messages import Result
from bench.faults.record import Record, quantile
from bench.faults.user import User


def result(record: Record, users: Sequence[User], talkers: range, watched: Set[int]) -> Result:
    """Return the figures of those who are watched, and of the messages between them. Silence is
    that of those who talk. Times are seconds."""
    seen = [user for user in users if user.number in watched]
    silences = record.silences(watched & {*talkers})
    return {
        "messages": sum(1 for _ in record.all()),
        "losses": attrs.asdict(record.losses(watched)),
        "sessions_lost": _total(user.lost for user in seen),
        "users_with_errors": sum(bool(user.errors) for user in seen),
        "errors": _total(user.errors for user in seen),
        "aborts": sum(user.aborts for user in seen),
        "silence": [_rounded(quantile(silences, share)) for share in (0.5, 0.99, 1.0)],
    }


def _total(counters: Iterable[Counter[str]]) -> dict[str, int]:
    total: Counter[str] = Counter()
    for each in counters:
        total.update(each)
    return dict(total)


def _rounded(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds, 3)
