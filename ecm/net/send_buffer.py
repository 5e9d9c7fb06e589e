"""The kernel's send buffers (SO_SNDBUF) of clients' connections."""

import socket

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IListeningPort, IProtocolFactory, IStreamServerEndpoint
from zope.interface import implementer

from ecm.limits import SEND_BUFFER
from ecm.net.listening import socket_of


@implementer(IStreamServerEndpoint)
class BoundedSendBuffer:
    """An endpoint whose connections have a send buffer of SEND_BUFFER bytes.

    Linux passes that of the listening socket on to each connection (socket(7)): setting it on each
    would be one more system call. Twisted's endpoints have no option for it.
    """

    def __init__(self, endpoint: IStreamServerEndpoint) -> None:
        self._endpoint = endpoint

    def listen(self, protocolFactory: IProtocolFactory) -> Deferred[IListeningPort]:
        listening: Deferred[IListeningPort] = self._endpoint.listen(protocolFactory)
        return listening.addCallback(_bound)


def _bound(port: IListeningPort) -> IListeningPort:
    socket_of(port).setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER)
    return port
