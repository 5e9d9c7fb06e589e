"""A cluster of two versions of ejabberd, as while it is upgraded: that of the system, and the 24.12
that tools/debian-ejabberd has put into build/."""

from twisted.trial.unittest import SkipTest

from ecm.tools.ejabberd import installation
from ecm.tools.ejabberd.installation import Installation
from testkit.cluster import Software, start_cluster
from testkit.paths import CHECKOUT
from testkit.two_nodes_case import TwoNodesCase

_OTHER = CHECKOUT / "build" / "ejabberd-24.12"


def two_versions() -> tuple[Installation, Installation]:
    """Raises SkipTest unless both are there."""
    system = installation.of_the_system()
    if not (_OTHER / "bin" / "erl").exists():
        raise SkipTest(f"there is no second ejabberd: tools/debian-ejabberd 24.12 {_OTHER}")
    other = installation.find(_OTHER)
    if (system.version, other.version) != ("23.01", "24.12"):
        raise SkipTest(f"ejabberd {system.version} and {other.version}, and not 23.01 and 24.12")
    return system, other


class ClusterVersionsTests(TwoNodesCase):
    async def test_users_on_both_chat_and_are_replaced_and_kicked(self) -> None:
        older, newer = two_versions()
        here, there = start_cluster(self, Software(older), Software(newer))
        await self.assert_they_are_one(here, there)
