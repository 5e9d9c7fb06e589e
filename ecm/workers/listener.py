"""Rebuilds in a worker the protocol stack (TLS, HTTP) of an endpoint the supervisor accepts on."""

from twisted.internet.interfaces import IProtocolFactory
from twisted.python.failure import Failure

from ecm.net.endpoints import is_from_systemd, server_endpoint
from ecm.net.listening import FactoryRecorder
from ecm.net.pems import Pems, renew


class AdoptedListener:
    """An endpoint for clients. Raises whatever endpoints raise.

    It reads keys when it is made: made before the fork, it reads them once for all workers, which
    then share the key of the tickets, too.
    """

    def __init__(self, description: str, lean_tls: bool, newest_tls: bool = False) -> None:
        self._description = description
        self._lean = lean_tls
        self._recorder = FactoryRecorder()
        # An endpoint for a socket of systemd looks for it in the environment. It adds nothing.
        systemd = is_from_systemd(description)
        self._endpoint = (
            None if systemd else server_endpoint(self._recorder, description, lean_tls, newest_tls)
        )

    def renew(self, pems: Pems) -> None:
        """Let new connections have the certificates in these files (``ecm.net.pems``)."""
        renew(self._endpoint, self._description, pems, self._lean)

    def factory(self, inner: IProtocolFactory) -> IProtocolFactory:
        """Return the factory for its connections, in which ``inner`` makes the inmost protocols."""
        if self._endpoint is None:
            return inner
        failures: list[Failure] = []
        self._endpoint.listen(inner).addErrback(failures.append)
        for failure in failures:
            failure.raiseException()
        return self._recorder.factory()
