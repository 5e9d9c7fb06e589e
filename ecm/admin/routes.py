"""The routes of the admin endpoint: what is answered on which path. A line each."""

from collections.abc import Callable, Mapping
from typing import Final

import attrs
from twisted.internet.defer import Deferred

from ecm.admin import orders, views
from ecm.admin.asked import Asked, Reply
from ecm.operated import Operated

# Raises ValueError where the request is not one that it takes.
Handler = Callable[[Operated, Asked], Reply | Deferred[Reply]]


@attrs.frozen
class Route:
    """A handler, and its one method.

    ``is_open`` is what tells nothing of persons, and is told under any name of the machine.
    """

    handler: Handler
    method: str = "GET"
    is_open: bool = False


def _post(handler: Handler) -> Route:
    return Route(handler, "POST")


ROUTES: Final[Mapping[str, Route]] = {
    "/livez": Route(views.live, is_open=True),
    "/readyz": Route(views.ready, is_open=True),
    "/status.json": Route(views.status),
    "/reload": _post(orders.reload),
    "/drain": _post(orders.drain),
    "/undrain": _post(orders.undrain),
    "/restart": _post(orders.restart),
    "/log": _post(orders.set_log_level),
}
