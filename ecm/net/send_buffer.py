"""Ports on which clients come."""

import socket
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IListeningPort, IProtocolFactory, IStreamServerEndpoint
from zope.interface import implementer

from ecm.limits import SEND_BUFFER


@implementer(IStreamServerEndpoint)
class ClientEndpoint:
    """An endpoint whose connections have a bounded send buffer.

    It is said to the socket that listens, of which Linux gives it to each connection (socket(7)):
    to say it to each would be a system call more.
    """

    def __init__(self, endpoint: IStreamServerEndpoint) -> None:
        self._endpoint = endpoint

    def listen(self, protocolFactory: IProtocolFactory) -> Deferred[IListeningPort]:
        listening: Deferred[Any] = self._endpoint.listen(protocolFactory)
        return listening.addCallback(_bound)


def _bound(port: Any) -> IListeningPort:
    port.socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER)
    listening: IListeningPort = port
    return listening
