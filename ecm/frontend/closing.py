"""The connections that wait only for their clients to close, in the order in which they began."""

from collections import OrderedDict

from ecm.frontend.connection import ClientConnection
from ecm.net.transport import unsent


class ClosingConnections:
    """Finds one that can be closed for a new one, in constant time, however many there are.

    Each is looked at once, and those whose clients have yet to take something once more after each
    tick. An OrderedDict, since to find the first entry of a dict takes as long as many have been
    taken from its beginning.
    """

    def __init__(self) -> None:
        self._due: OrderedDict[ClientConnection, None] = OrderedDict()
        self._unsent: OrderedDict[ClientConnection, None] = OrderedDict()

    def add(self, connection: ClientConnection) -> None:
        """ECM has closed its end of a connection, behind what it has written."""
        self._due[connection] = None

    def discard(self, connection: ClientConnection) -> None:
        """A connection has closed, if it was one of these."""
        self._due.pop(connection, None)
        self._unsent.pop(connection, None)

    def pop(self) -> ClientConnection | None:
        """Take out the first one of which the kernel has all that was written; None without one."""
        while self._due:
            connection, _ = self._due.popitem(last=False)
            if not unsent(connection.transport):
                return connection
            self._unsent[connection] = None
        return None

    def tick(self) -> None:
        """Look again at those whose clients had yet to take something."""
        if self._unsent:
            self._unsent.update(self._due)
            self._due, self._unsent = self._unsent, OrderedDict()
