"""The interface of a transport: a way for users to come to a server, and to talk there."""

from typing import Protocol, TypeVar

from ecm.tools.swarm.sockets import Handler
from ecm.tools.swarm.user import User

U = TypeVar("U", bound=User, contravariant=True)


class Transport(Handler[U], Protocol[U]):
    """``speaking`` is the number of users who cannot say anything more before an answer comes.

    Who comes and goes is told to an Attendance.
    """

    speaking: int

    def log_in(self, place: int) -> None:
        """Let the user at this place begin to log in."""

    def is_free(self, user: U) -> bool:
        """Return whether a user is online and may say something."""

    def write(self, user: U, receiver: U) -> None:
        """Send a message."""

    def poll(self, user: U) -> None:
        """Ask the server for what there is. Only BOSH has that."""

    def leave(self, user: U) -> None:
        """Let a user who is online leave."""

    def vanish(self, user: U) -> list[int]:
        """Forget a user who is online and goes without a word; return the connections, which stay
        open."""

    def repeat(self) -> None:
        """Do again what has failed, once its pause is over."""

    def time_out(self) -> None:
        """Give up what has got no answer for too long."""
