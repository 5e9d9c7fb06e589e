"""The metrics of an ECM on the admin endpoint."""

from http import HTTPStatus

from ecm.admin.asked import Asked, Reply
from ecm.admin.routes import Route
from ecm.exposition.exposition import Exposition
from ecm.operated import Operated


def metrics(ecm: Operated, per_worker: bool) -> dict[str, Route]:
    """Return the route that Prometheus asks. The collector lives as long as ECM."""
    exposition = Exposition(ecm, per_worker)

    def scrape(ecm: Operated, asked: Asked) -> Reply:
        kind, body = exposition.render(asked.headers.get("accept", ""))
        return Reply(HTTPStatus.OK, body, kind)

    return {"/metrics": Route(scrape, is_open=True)}
