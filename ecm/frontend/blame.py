"""Faults of clients, noted with the address of whose they are."""

from collections.abc import Sequence
from http import HTTPStatus

from ecm.frontend.connection import ClientConnection
from ecm.frontend.exchange import Exchange
from ecm.http.request import Head
from ecm.log.faults import Fault
from ecm.net.transport import peer_of


def blame(
    connection: ClientConnection,
    fault: Fault,
    why: str,
    headers: Sequence[tuple[bytes, bytes]] = (),
) -> None:
    """Note a fault of the client of a connection, whose request had these headers."""
    registry = connection.registry
    told = getattr(connection, "peer", None)  # by a PROXY header
    address, _ = told[:2] if told is not None else peer_of(connection.transport)
    address, _ = registry.settings.proxies.client(address, headers)
    registry.faults.add(fault, why, address)


def blame_request(exchange: Exchange, head: Head, status: HTTPStatus) -> None:
    """Note that a request is for what is not here, or not for this client."""
    path = head.path.decode(errors="backslashreplace")
    blame(exchange.connection, Fault.HTTP, f"{status.value} {path}", head.headers)
