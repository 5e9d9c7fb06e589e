"""The nodes of ejabberd, as the pool sees them: how each is, and which one a connection asks.

A node has a slot, and the IDs of a slot are a class of their own: an ID modulo the number of slots
is its slot. So the ID of a connection says which node it asks, and a connection that stays with its
node needs no byte to remember it.
"""

from random import sample

from twisted.logger import Logger

from ecm.limits import SILENT_FOR
from ecm.upstream.link import Link, LinkStatus
from ecm.upstream.pending import Pending

_log = Logger()


class Nodes:
    """The links of one ECM, at most one for each slot.

    There are ``number`` slots. Where there may be several nodes, the last one is nobody's: it is
    for connections that come while no node takes them. ``ways`` has the link of each slot that
    takes requests now, and None for the others.
    """

    def __init__(self, first_id: int, most: int) -> None:
        """``most`` is the number of nodes that there may be."""
        self.number = most + 1 if most > 1 else 1
        self.ways: list[Link | None] = [None] * self.number
        # The links that are up, or broken.
        self.links: dict[Link, LinkStatus] = {}
        # The beginning of the next class of IDs. No ID is 0.
        self._next: int = -(-first_id // self.number) * self.number
        self._free: list[int] = [*range(most)]
        # The links of which the nodes have been told.
        self._introduced: list[Link] = []

    @property
    def are_several(self) -> bool:
        """True where there may be more than one."""
        return self.number > 1

    # Slots.

    def join(self) -> int:
        """Return a slot that no node has. Raises IndexError if there is none."""
        return self._free.pop(0)

    def leave(self, slot: int) -> None:
        """Leave a slot to another node, once its link is down."""
        self._free.append(slot)

    # IDs.

    def new_id(self, slot: int) -> int:
        """Return an ID of a slot that no connection has had."""
        self._next += self.number
        return self._next - self.number + slot

    def newcomer(self) -> int:
        """Return an ID for a connection that has not asked yet, of the node that should take it."""
        if not self.are_several:
            return self.new_id(0)
        link = self.choose()
        if link is None:
            return self.new_id(self.number - 1)
        link.newcomers += 1
        return self.new_id(link.slot)

    # Links.

    def update(self, link: Link, status: LinkStatus) -> None:
        """Note how a link is. One that drains does so until it is down."""
        if status is LinkStatus.DOWN:
            self.links.pop(link, None)
        elif self.links.get(link) is not LinkStatus.DRAINING:
            self.links[link] = status
        takes = self.links.get(link) is LinkStatus.WRITABLE
        self.ways[link.slot] = link if takes else None

    def heard(self, link: Link, load: int | None, cluster: str) -> None:
        """Note what a node has told of itself. All should be of one cluster."""
        if load is not None:
            link.told, link.newcomers = load, 0
        if cluster == link.cluster:
            return
        link.cluster = cluster
        for other in self.links:
            if cluster and other.cluster not in ("", cluster):
                _log.warn(
                    "{one} and {other} are not of one cluster: a session of one is not found at the"
                    " other, and ends; join them, or have an ECM for each",
                    one=link.node,
                    other=other.node,
                )

    def introduce(self) -> None:
        """Tell each node which others can be reached, if that has changed."""
        if not self.are_several:
            return
        up = [link for link, status in self.links.items() if status.is_up]
        if up == self._introduced:
            return
        self._introduced = up
        for link in up:
            link.tell_nodes([other.node for other in up if other.node and other is not link])

    def named(self, node: str) -> Link | None:
        """Return a link to the node with a name that is up, one that takes requests if possible."""
        there = [link for link in self._introduced if link.node == node]
        return min(there, key=lambda link: self.ways[link.slot] is None, default=None)

    def choose(self, for_stream: bool = False) -> Link | None:
        """Return the less loaded of two links that take requests, drawn at random; None if none do.

        To take the least loaded of all would send it all newcomers until it next tells its load. A
        node that has not acknowledged packets for seconds gets none while others do.
        """
        there = [link for link in self.ways if link is not None]
        if for_stream:
            there = [link for link in there if link.streams.are_carried]
        ready = [link for link in there if link.queue.age < SILENT_FOR] or there
        if len(ready) > 2:
            ready = sample(ready, 2)
        return min(ready, key=lambda link: link.load, default=None)

    def detour(self, exchange: Pending) -> Link | None:
        """Return the link for a request that its own node does not take now; None if it must wait.

        It waits for a node that is congested, which has its session. The connection comes back to
        one whose link is only broken, and leaves any other: then the exchange is renamed.
        """
        slot = exchange.id % self.number
        own = {link.slot: status for link, status in self.links.items()}.get(slot)
        link = None if own is LinkStatus.CONGESTED else self.choose()
        if link is not None and own is not LinkStatus.BROKEN:
            exchange.renamed(self.new_id(link.slot))
        return link

    @property
    def best(self) -> LinkStatus:
        """The status of the links that are best off."""
        return next(
            status for status in LinkStatus if status in {*self.links.values(), LinkStatus.DOWN}
        )
