"""Views of an ECM, as far as it tells of itself by its last snapshots, and asks nobody."""

import time
from http import HTTPStatus

import attrs

from ecm import __version__
from ecm.admin.asked import Asked, Reply, as_json, said
from ecm.admin.readiness import reasons
from ecm.operated import Operated
from ecm.status.form import plain


def live(ecm: Operated, asked: Asked) -> Reply:
    """Tell that this process goes on."""
    return said("alive")


def ready(ecm: Operated, asked: Asked) -> Reply:
    """Tell whether clients should come: 503 with a line for each reason why not.

    With ?all every worker must be ready, otherwise one.
    """
    why = reasons(ecm.processes(), ecm.snapshots(), time.time(), every="all" in asked.query)
    if why:
        return said(*why, status=HTTPStatus.SERVICE_UNAVAILABLE)
    return said("ready")


def status(ecm: Operated, asked: Asked) -> Reply:
    """Tell all that is known, for programs."""
    processes, snapshots = ecm.processes(), ecm.snapshots()
    why = reasons(processes, snapshots, time.time())
    return as_json(
        {
            "version": __version__,
            "ready": not why,
            "reasons": why,
            "processes": [attrs.asdict(each) for each in processes],
            "snapshots": [plain(each) for each in snapshots],
            "options": [attrs.asdict(each) for each in ecm.options()],
        }
    )
