"""The memory of a transport, in a process of its own: what others did before would count."""

import subprocess
import sys

from twisted.trial.unittest import TestCase

from testkit.ecm_process import temporary_folder

# Clients connect, and get more than the kernel takes, from a producer. Then all is as before, but
# for what Twisted leaves at the transport.
SCRIPT = """
import socket, sys
from twisted.internet import reactor
from twisted.internet.protocol import Factory, Protocol
from ecm.net.served import serving, share_attributes

CLIENTS, LARGE = 40, 3_000_000
share_attributes()
served = []

class Served(Protocol):
    def connectionMade(self):
        served.append(self.transport)
        self.transport.registerProducer(self, False)
        self.transport.write(bytes(LARGE))

    def resumeProducing(self):
        self.transport.unregisterProducer()

def take():
    for client in clients:
        try:
            received[client] += len(client.recv(100_000))
        except BlockingIOError:
            pass
    if all(number == LARGE for number in received.values()):
        print(max(sys.getsizeof(each.__dict__) for each in served))
        reactor.stop()
    else:
        reactor.callLater(0, take)

def connected():
    if sys.argv[1].startswith("/"):
        client = socket.socket(socket.AF_UNIX)
        client.connect(sys.argv[1])
        return client
    return socket.create_connection((sys.argv[1], port.getHost().port))

factory = Factory.forProtocol(Served)
if sys.argv[1].startswith("/"):
    port = serving(reactor.listenUNIX(sys.argv[1], factory))
else:
    port = serving(reactor.listenTCP(0, factory, interface=sys.argv[1]))
clients = [connected() for _ in range(CLIENTS)]
received = {client: 0 for client in clients}
for client in clients:
    client.setblocking(False)
reactor.callWhenRunning(take)
reactor.run()
"""


class ShareAttributesTest(TestCase):
    def test_further_attributes_take_no_table_of_their_own(self) -> None:
        for place in ("127.0.0.1", "::1", f"{temporary_folder(self)}/socket"):
            command = [sys.executable, "-c", SCRIPT, place]
            size = int(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)
            self.assertLess(size, 200)  # a table of its own would make it 832, with CPython 3.11
