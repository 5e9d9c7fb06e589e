"""mod_ecm's end of a link that resumes, without I/O, for tests: bytes in, bytes out."""

from collections.abc import Iterator

from ecm.link import message
from ecm.link.numbering import Outbox, Receipts
from ecm.link.packet import LINK_ID, PacketDecoder, encode
from testkit.typed_vectors import content, named, packet

HELLO = packet(named("hello of mod_ecm that resumes"))
STREAMS_HELLO = packet(named("hello of mod_ecm that carries streams"))
HELLO_CONTENT = content(named("hello of mod_ecm that resumes"))
TOKEN = "%032x"


class ResumingPeer:
    """Knows one link at a time. ``connect`` begins a connection, ``receive`` takes its bytes.

    What ECM says of requests and streams is in ``requests``, in the order in which it came, and
    the fields of each ``resume`` in ``resumes``.
    """

    def __init__(self, hello: bytes = HELLO) -> None:
        self._hello = hello
        self.links = 0
        self.resumed = 0
        self.requests: list[tuple[int, bytes]] = []
        self.resumes: list[dict[str, str]] = []
        self.begin_anew()
        self.connect()

    def begin_anew(self) -> None:
        """Forget the link, as after a restart."""
        self.token = ""
        self.outbox, self.receipts = Outbox(), Receipts()

    def connect(self) -> None:
        """A connection begins, and the one before is nothing any more."""
        self._decoder = PacketDecoder()
        self._is_up = False

    def receive(self, data: bytes) -> bytes:
        """Take bytes of ECM, and return the replies."""
        return b"".join(self._replies(data))

    def send(self, connection_id: int, said: bytes) -> bytes:
        """Say something of a request, and return what is to be sent now."""
        said = encode(connection_id, said)
        self.outbox.waiting.append(said)
        self.outbox.size += len(said)
        return b"".join(self.outbox.take_waiting(keep=True)) if self._is_up else b""

    def acknowledge(self) -> bytes:
        return encode(LINK_ID, b"ack %d" % self.receipts.tell()) if self._is_up else b""

    def _replies(self, data: bytes) -> Iterator[bytes]:
        for connection_id, said in self._decoder.feed(data):
            if connection_id != LINK_ID:
                assert self._is_up
                self.receipts.number += 1
                self.requests.append((connection_id, said))
                continue
            received = message.decode(said)
            match received.type:
                case "hello":
                    yield self._hello
                case "resume":
                    yield from self._resume(received.fields)
                case "ack":
                    assert self.outbox.acknowledge(int(received.args[0])), said
                case "ping":
                    yield encode(LINK_ID, message.encode("pong", received.args))
                case "error":
                    raise AssertionError(said)

    def _resume(self, fields: dict[str, str]) -> Iterator[bytes]:
        self.resumes.append(fields)
        if self.token and fields.get("link") == self.token:
            assert self.outbox.acknowledge(int(fields["got"])), fields
            self.resumed += 1
        else:
            self.begin_anew()
            self.links += 1
            self.token = TOKEN % self.links
        answer = {"link": self.token, "got": str(self.receipts.tell())}
        yield encode(LINK_ID, message.encode("resume", fields=answer))
        self._is_up = True
        self.outbox.rewind()
        yield from self.outbox.take_waiting(keep=True)
