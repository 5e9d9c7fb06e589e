"""The ports that the supervisor accepts on, each known by its place."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence

import attrs
from twisted.internet.protocol import ServerFactory

from ecm.errors import StartupError
from ecm.frontend.listen import is_kept, listen_at_once, ports_of
from ecm.net.endpoints import options_of, place_of
from ecm.net.listening import DetachedPort
from ecm.net.reactor import ReactorCore
from ecm.settings import Settings
from ecm.workers.acceptor import Acceptor

# What two endpoints have in common of which only one can be open; and a number, since one may be
# given more than once, as a port that the kernel chooses.
Place = tuple[str, int]

# Takes the place of a connection, its address family and file descriptor. False if nobody takes it.
AssignAt = Callable[[Place, int, int], bool]


class WorkersFactory(ServerFactory):
    """Listens for the workers, whose own factories make the protocols."""

    noisy = False


def places(endpoints: Iterable[str]) -> list[Place]:
    """Return the place of each endpoint."""
    seen: Counter[str] = Counter()
    found = []
    for endpoint in endpoints:
        place = place_of(endpoint)
        found.append((place, seen[place]))
        seen[place] += 1
    return found


@attrs.define
class _OpenPort:
    """A port, and the options that it has (``options_of``). One that ``is_kept`` outlives ECM."""

    acceptor: Acceptor
    is_kept: bool
    options: dict[str, str]

    def adapt(self, endpoint: str) -> Iterator[str]:
        """Have it be as an endpoint says. Yields a line for each option that cannot be changed."""
        for name, value in options_of(endpoint).items():
            if self.options.get(name) == value:
                continue
            try:
                self._set(name, value)
            except (OSError, ValueError) as error:
                why = (isinstance(error, OSError) and error.strerror) or error
                yield f"{endpoint}: {name}={value} needs a restart of ECM: {why}"
            else:
                self.options[name] = value

    def _set(self, name: str, value: str) -> None:
        match name:
            case "backlog":
                self.acceptor.port.set_backlog(int(value))
            case "mode":
                self.acceptor.port.set_mode(int(value, 8))
            case _:
                raise ValueError("the port is open already")


class Ports:
    """Listens on endpoints, and accepts there. Ports stay open as long as their place is wanted."""

    def __init__(self, assign: AssignAt, reactor: ReactorCore) -> None:
        self._assign = assign
        self._reactor = reactor
        self._open: dict[Place, _OpenPort] = {}

    def open(self, settings: Settings) -> None:
        """Listen where nobody does so far. Raises StartupError; then no port has been opened."""
        endpoints, shared = settings.endpoints, settings.reuse_port
        opened: list[Place] = []
        for place, endpoint in zip(places(endpoints), endpoints, strict=True):
            if place in self._open:
                continue
            try:
                acceptor = self._listen(place, endpoint, shared)
            except StartupError:
                self._close(opened)
                raise
            self._open[place] = _OpenPort(acceptor, is_kept(endpoint), options_of(endpoint))
            opened.append(place)

    def accept(self) -> None:
        """Accept on all ports."""
        for port in self._open.values():
            if not port.acceptor.is_paused:
                port.acceptor.startReading()

    def adapt(self, endpoints: Sequence[str]) -> list[str]:
        """Have the ports be as endpoints say. Return a line for each option that cannot be."""
        wanted = zip(places(endpoints), endpoints, strict=True)
        return [line for place, endpoint in wanted for line in self._open[place].adapt(endpoint)]

    def close_others(self, endpoints: Iterable[str]) -> list[str]:
        """Close the ports that are none of these. Return their places."""
        others = [place for place in self._open if place not in places(endpoints)]
        self._close(others)
        return [name for name, _ in others]

    def close(self) -> None:
        """Close all of them."""
        self._close(list(self._open))

    def _close(self, wanted: Iterable[Place]) -> None:
        """Close ports behind the connections that wait there, which would be reset.

        At a port that outlives ECM they are for the next ECM.
        """
        for place in wanted:
            port = self._open.pop(place)
            if not port.is_kept:
                port.acceptor.accept_waiting()
            port.acceptor.close()

    def _listen(self, place: Place, endpoint: str, shared: bool) -> Acceptor:
        port = listen_at_once(endpoint, WorkersFactory(), ports_of(self._reactor, shared))

        def assign(family: int, connection: int) -> bool:
            return self._assign(place, family, connection)

        return Acceptor(DetachedPort(port), assign, self._reactor)
