"""Users of a process, drawn at random."""

from collections.abc import Callable, Sequence
from random import choice
from typing import TypeVar

from ecm.tools.bosh.session import Phase
from ecm.tools.swarm.user import User

_DRAWS = 10  # attempts; if all fail, the population is busy enough

U = TypeVar("U", bound=User)


def draw(users: Sequence[U | None], fits: Callable[[U], bool]) -> U | None:
    """Return one who fits; None if hardly any does."""
    for _ in range(_DRAWS):
        user = choice(users)
        if user is not None and fits(user):
            return user
    return None


def is_online(user: User) -> bool:
    """Return whether a user is online, and does not leave."""
    return user.phase is Phase.ONLINE
