"""The members of the cluster: a link to each node that the operator or the DNS names."""

from collections.abc import Callable, Iterable, Iterator
from itertools import chain

import attrs
from twisted.application.internet import ClientService
from twisted.application.service import MultiService
from twisted.internet.defer import Deferred, ensureDeferred
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import LoopingCall
from twisted.logger import Logger

from ecm.limits import LEAVE_TIMEOUT, LOOKUP_INTERVAL, LOOKUPS_MISSED, MAX_NODES
from ecm.upstream.connector import LinkFactory
from ecm.upstream.lookup import Lookup, LookupFailed
from ecm.upstream.names import NodeName, parse

_log = Logger()


@attrs.define(eq=False)
class Member:
    """One node. ``missed`` are the look-ups in a row that did not find it."""

    links: LinkFactory
    service: ClientService
    missed: int = 0


class Members(MultiService):
    """Keeps a link to each node. ``connect`` makes that of an endpoint.

    Names are looked up again and again. A node that is found is added. One that is not found some
    times in a row gets no new requests, and its link is closed once the others are answered.
    """

    def __init__(
        self,
        upstream: Iterable[str],
        connect: Callable[[str], Member],
        lookup: Lookup,
        clock: IReactorTime,
    ) -> None:
        """Raises IndexError if there are too many nodes."""
        super().__init__()
        self._connect = connect
        self._lookup = lookup
        self._clock = clock
        # The nodes of each name, by endpoint; those that leave, with the time until when they may
        # answer; and what was wrong with each name at the last look, and with its nodes at the last
        # one that has found them.
        self._found: dict[NodeName, dict[str, Member]] = {}
        self._leaving: dict[Member, float] = {}
        self._fixed: list[Member] = []
        self._failures: dict[NodeName, set[str]] = {}
        self._faults: dict[NodeName, set[str]] = {}
        for text in upstream:
            name = parse(text)
            if name is None:
                self._fixed.append(connect(text))
                self._fixed[-1].service.setServiceParent(self)
            else:
                self._found[name] = {}
        self._loops = [LoopingCall(self._look, name) for name in self._found]

    def present(self) -> Iterator[Member]:
        """Return the nodes that are there, but for those that leave."""
        found = (members.values() for members in self._found.values())
        return chain(self._fixed, *found)

    def startService(self) -> None:
        super().startService()
        for loop in self._loops:
            loop.clock = self._clock
            loop.start(LOOKUP_INTERVAL)

    def stopService(self) -> Deferred[None]:
        for loop in self._loops:
            if loop.running:
                loop.stop()
        stopped: Deferred[None] = super().stopService()
        return stopped

    def _look(self, name: NodeName) -> Deferred[None]:
        """Look up a name. LoopingCall does not do it again before."""
        return ensureDeferred(self._look_up(name))

    async def _look_up(self, name: NodeName) -> None:
        self._let_go()
        try:
            endpoints = await self._lookup.endpoints(name)
        except LookupFailed as failed:
            failure = f"the nodes of {name.text} stay as they are: {failed}"
            _report(self._failures, name, {failure})
            return
        _report(self._failures, name, set())
        if not self.running:
            return
        members = self._found[name]
        faults = {self._add(name, each) for each in endpoints if each not in members}
        for endpoint in endpoints:
            if endpoint in members:
                members[endpoint].missed = 0
        for endpoint in members.keys() - {*endpoints}:
            self._miss(name, endpoint)
        _report(self._faults, name, faults - {""})

    def _add(self, name: NodeName, endpoint: str) -> str:
        """Add a node. Returns why that cannot be, or an empty string."""
        try:
            member = self._connect(endpoint)
        except IndexError:
            return f"{name.text}: more than {MAX_NODES} nodes, some get no link"
        except Exception as error:  # no name of a certificate, or its file cannot be read now
            return f"{name.text}: {endpoint} cannot be used: {error}"
        _log.info("{name}: node at {endpoint} found", name=name.text, endpoint=endpoint)
        self._found[name][endpoint] = member
        member.service.setServiceParent(self)
        return ""

    def _miss(self, name: NodeName, endpoint: str) -> None:
        """A look-up has not found a node. The next one may, if a name server had an old answer."""
        member = self._found[name][endpoint]
        member.missed += 1
        if member.missed < LOOKUPS_MISSED:
            return
        _log.info(
            "{name}: node at {endpoint} has gone: it gets no new requests",
            name=name.text,
            endpoint=endpoint,
        )
        del self._found[name][endpoint]
        member.links.leave()
        self._leaving[member] = self._clock.seconds() + LEAVE_TIMEOUT

    def _let_go(self) -> None:
        """Close the links of nodes that have left, and have answered."""
        for member, until in [*self._leaving.items()]:
            if member.links.is_idle or self._clock.seconds() >= until:
                del self._leaving[member]
                gone = member.service.disownServiceParent()
                assert gone is not None
                gone.addCallback(lambda _, links=member.links: links.close())


def _report(said: dict[NodeName, set[str]], name: NodeName, faults: set[str]) -> None:
    """Log the faults of a name that were not there at the last look; keep all in ``said``."""
    for text in sorted(faults - said.get(name, set())):
        _log.warn("{text}", text=text)
    said[name] = faults
