"""Views of an ECM, as far as it tells of itself by its last snapshots, and asks nobody."""

from ecm.admin.asked import Asked, Reply, said
from ecm.operated import Operated


def live(ecm: Operated, asked: Asked) -> Reply:
    """Tell that this process goes on."""
    return said("alive")
