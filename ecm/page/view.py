"""All that the status page shows. Pure."""

from collections.abc import Sequence

import attrs

from ecm.log.warnings import Warned
from ecm.operated import OptionInForce, ProcessStatus
from ecm.page.figures import Node, certificates_of, links_of, nodes_of
from ecm.page.history import History
from ecm.page.words import count, plural, span
from ecm.status.snapshot import Certificate, LinkReport, Snapshot

DAY = 86_400

# Days before its end at which a certificate is a matter for the operator.
EXPIRES_SOON = 14

# Seconds that a worker is late with everything, of which its users notice.
LATE = 0.5

# The share of the connections that there may be, above which there is soon no room.
CROWDED = 0.9


@attrs.frozen
class View:
    """An ECM at the time ``now``, in seconds since 1970.

    ``reasons`` say why it is not ready; there are none if it is. ``started`` is when it has.
    """

    now: float
    version: str
    started: float
    reasons: Sequence[str]
    snapshots: Sequence[Snapshot]
    processes: Sequence[ProcessStatus]
    history: History
    warnings: Sequence[Warned] = ()
    options: Sequence[OptionInForce] = ()

    @property
    def nodes(self) -> list[Node]:
        """The nodes of ejabberd that have told their numbers."""
        return nodes_of(self.snapshots)

    @property
    def links(self) -> list[tuple[int, LinkReport]]:
        """All links, each with the number of its process."""
        return links_of(self.snapshots)

    @property
    def certificates(self) -> list[tuple[str, Certificate]]:
        """All certificates, each with its endpoint."""
        return certificates_of(self.snapshots)

    @property
    def open(self) -> int:
        """The number of connections."""
        return sum(each.connections.open for each in self.snapshots)

    @property
    def limit(self) -> int:
        """The number of connections that there may be; 0 if nothing limits it."""
        each = self.snapshots
        is_limited = all(one.connections.limit for one in each if not one.is_former)
        return sum(one.connections.limit for one in each) if is_limited else 0

    def days_left(self, certificate: Certificate) -> int:
        """Return the days that a certificate is still valid."""
        return int((certificate.not_after - self.now) // DAY)


def concerns(view: View) -> list[str]:
    """Return what an operator should look at while ECM is ready."""
    return [*_of_links(view), *_of_room(view), *_of_lag(view), *_of_certificates(view)]


def _of_links(view: View) -> list[str]:
    links = [link for _, link in view.links]
    down = sum(not link.up for link in links)
    return [f"{count(down)} of {plural(len(links), 'link')} not up"] if down else []


def _of_room(view: View) -> list[str]:
    if view.limit and view.open > CROWDED * view.limit:
        return [f"{count(view.open)} of {count(view.limit)} connections are taken"]
    return []


def _of_lag(view: View) -> list[str]:
    slow = [each for each in view.snapshots if each.lag >= LATE]
    return [f"worker {each.number} does everything {each.lag:.1f} s late" for each in slow]


def _of_certificates(view: View) -> list[str]:
    said = {}
    for _, certificate in view.certificates:
        left = certificate.not_after - view.now
        if left < 0:
            said[certificate] = f"the certificate of {certificate.name} has expired"
        elif left < EXPIRES_SOON * DAY:
            said[certificate] = f"the certificate of {certificate.name} expires in {span(left)}"
    return [*said.values()]
