"""Requests of ``ecmctl`` to an admin endpoint, over a UNIX socket or TCP."""

import errno
from collections.abc import Callable
from http import HTTPStatus
from typing import Any, Final

import attrs
from treq import collect
from treq.client import HTTPClient
from twisted.internet.defer import TimeoutError
from twisted.internet.endpoints import HostnameEndpoint, UNIXClientEndpoint
from twisted.internet.error import ConnectError, DNSLookupError
from twisted.internet.interfaces import IStreamClientEndpoint
from twisted.web.client import URI, Agent, ResponseFailed
from twisted.web.iweb import IAgentEndpointFactory
from zope.interface import implementer

from ecm.tools.ctl.address import Address

# Seconds for a reply to begin, more than ECM takes for any.
_TIMEOUT: Final = 70

_CAUSES: Final = {
    errno.ENOENT: "there is no such socket: ECM is not running, or without this --admin",
    errno.ECONNREFUSED: "nobody listens there: ECM is not running, or without this --admin",
    errno.EACCES: "permission denied: the socket is for its owner and group (ls -l says which);"
    " use sudo, or join the group",
    errno.ENOTSOCK: "that is no socket",
}


class NotReached(Exception):
    """ECM has not replied. The text says why, and what to do."""


@attrs.frozen
class Answer:
    """The reply of ECM."""

    status: int
    text: str


@implementer(IAgentEndpointFactory)
class _Always:
    """Connects to one address, whatever the URL is."""

    def __init__(self, endpoint: IStreamClientEndpoint) -> None:
        self._endpoint = endpoint

    def endpointForURI(self, uri: URI) -> IStreamClientEndpoint:
        return self._endpoint


class Client:
    """Asks one ECM."""

    def __init__(self, address: Address, reactor: Any) -> None:
        self._address = address
        self._reactor = reactor
        # ECM answers under this name, too, and treq takes no address of IPv6.
        host = "localhost" if ":" in address.host else address.host
        self._base = f"http://{host}:{address.port}" if host else "http://localhost"
        agent = Agent.usingEndpointFactory(reactor, _Always(_endpoint(address, reactor)))
        self._http = HTTPClient(agent)

    async def get(self, path: str, **query: str | int) -> Answer:
        """Look at something. Raises NotReached."""
        return await self._ask("GET", path, query)

    async def post(self, path: str, **query: str | int) -> Answer:
        """Change something. Raises NotReached."""
        return await self._ask("POST", path, query)

    async def follow(self, path: str, line: Callable[[str], None], **query: str | int) -> Answer:
        """Change something whose reply goes on, and take each line of it. Raises NotReached."""
        rest = b""

        def take(data: bytes) -> None:
            nonlocal rest
            *lines, rest = (rest + data).split(b"\n")
            for each in lines:
                line(each.decode(errors="replace"))

        return await self._ask("POST", path, query, take)

    async def _ask(
        self,
        method: str,
        path: str,
        query: dict[str, str | int],
        take: Callable[[bytes], None] | None = None,
    ) -> Answer:
        given = {name.rstrip("_"): str(value) for name, value in query.items()}
        asked = self._http.request(method, self._base + path, params=given)
        asked.addTimeout(_TIMEOUT, self._reactor)
        parts: list[bytes] = []
        try:
            response = await asked
            goes_on = take is not None and response.code == HTTPStatus.OK
            await collect(response, take if take is not None and goes_on else parts.append)
        except (ConnectError, DNSLookupError, ResponseFailed, TimeoutError) as error:
            raise NotReached(f"{self._address}: {_cause(error)}") from None
        return Answer(response.code, b"".join(parts).decode(errors="replace"))


def _endpoint(address: Address, reactor: Any) -> IStreamClientEndpoint:
    if address.path:
        return UNIXClientEndpoint(reactor, address.path)
    return HostnameEndpoint(reactor, address.host, address.port)


def _cause(error: Exception) -> str:
    number = getattr(error, "osError", None)
    if isinstance(error, ResponseFailed):
        return "it has closed the connection: is that the admin endpoint of an ECM?"
    if isinstance(error, TimeoutError):
        return f"no reply within {_TIMEOUT} s"
    return _CAUSES.get(number or 0) or str(error)
