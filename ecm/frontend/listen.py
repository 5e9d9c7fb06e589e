"""Listening on the endpoints for clients."""

from typing import cast

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.error import CannotListenError
from twisted.internet.interfaces import IListeningPort, IProtocolFactory, IStreamServerEndpoint
from twisted.logger import Logger
from twisted.python.failure import Failure

from ecm.errors import StartupError
from ecm.net.endpoints import is_from_systemd, server_endpoint
from ecm.net.listening import SharedPorts, bound_send_buffer, close_behind_waiting, close_port
from ecm.net.reactor import ReactorCore
from ecm.net.served import serving

_log = Logger()

# Fires with the port, or with None where listening has failed later than at once.
Listening = Deferred[IListeningPort | None]


def ports_of(reactor: ReactorCore, shared: bool) -> ReactorCore:
    """Return the reactor to listen with; ``shared`` ports may be opened by others as well."""
    return cast(ReactorCore, SharedPorts(reactor)) if shared else reactor


def listen(endpoint: str, factory: IProtocolFactory, reactor: ReactorCore) -> Listening:
    """Listen on an endpoint for clients. Raises StartupError if that fails at once.

    Twisted's own endpoints have a port at once, or fail. A plugin's may take its time.
    """
    return listen_with(server_endpoint(reactor, endpoint, False), endpoint, factory)


def listen_with(made: IStreamServerEndpoint, endpoint: str, factory: IProtocolFactory) -> Listening:
    """Do the same with an endpoint that is ``made`` of its description."""
    listening: Listening = made.listen(factory).addCallback(bound_send_buffer).addCallback(serving)
    if not listening.called:
        return listening.addErrback(_failed_late, endpoint)
    failures: list[Failure] = []
    listening.addErrback(failures.append)
    for failure in failures:
        if failure.check(CannotListenError, OverflowError):
            raise StartupError(failure.value) from None
        if failure.check(OSError):  # of files beside the socket, which nobody has asked for
            raise StartupError(f"cannot listen on {endpoint}: {_reason(failure)}") from None
        failure.raiseException()
    return listening


def listen_at_once(
    endpoint: str, factory: IProtocolFactory, reactor: ReactorCore
) -> IListeningPort:
    """Listen, and return the port. Raises StartupError also if the endpoint takes its time."""
    ports: list[IListeningPort | None] = []
    listen(endpoint, factory, reactor).addCallback(ports.append)
    if not ports or ports[0] is None:
        raise StartupError(f"{endpoint} does not listen at once, and needs --workers 1")
    return ports[0]


async def stop_listening(listening: Listening) -> None:
    """Close the port, or give up listening where there is none yet."""
    listening.cancel()
    port = await listening
    if port is not None:
        await close_port(port)


async def stop_serving(endpoint: str, listening: Listening) -> None:
    """Close the port behind the connections that wait there.

    At a port that outlives ECM they are for the next ECM.
    """
    if is_kept(endpoint) or not listening.called:
        await stop_listening(listening)
        return
    port = await listening
    if port is not None:
        close_behind_waiting(port)


def is_kept(endpoint: str) -> bool:
    """Return whether the port outlives ECM, because systemd has opened it."""
    return is_from_systemd(endpoint)


def _reason(failure: Failure) -> str:
    error = failure.value
    return (isinstance(error, OSError) and error.strerror) or failure.getErrorMessage()


def _failed_late(failure: Failure, endpoint: str) -> None:
    if not failure.check(CancelledError):
        _log.failure("cannot listen on {endpoint}", failure, endpoint=endpoint)
