"""Any bytes from a client, where frames of a WebSocket should be."""

from ecm.limits import DECODER_SIZE
from ecm.websocket.codes import WebSocketError, may_be_sent
from ecm.websocket.decoder import Decoder, Event, only
from ecm.websocket.frames import CLOSE, MAX_CONTROL, TEXT
from testkit.websocket_case import User, joined
from tests.fuzz.target import Target, pieces

MAX_MESSAGE = 1024

Found = list[Event | int]


def websocket(data: bytes) -> None:
    """Events or the one fault, the same in pieces and by the short way; and little is held."""
    found = _decoded([data])
    assert _decoded(pieces(data)) == found
    short = only(data, MAX_MESSAGE)
    assert short is None or found == [short], short
    for event in found:
        if isinstance(event, int):
            assert may_be_sent(event)
        elif event.opcode == TEXT:
            event.payload.decode()
        elif event.opcode == CLOSE and event.payload:
            assert may_be_sent(int.from_bytes(event.payload[:2]))


def _decoded(parts: list[bytes]) -> Found:
    decoder, found = Decoder(MAX_MESSAGE), Found()
    try:
        for part in parts:
            decoder.add(part)
            while (event := decoder.next()) is not None:
                assert len(event.payload) <= (MAX_CONTROL if event.opcode >= CLOSE else MAX_MESSAGE)
                found.append(event)
            assert decoder.held <= MAX_MESSAGE + MAX_CONTROL
    except WebSocketError as error:
        found.append(error.code)
    return found


def websocket_client(data: bytes) -> None:
    """ejabberd is told, and the client gets, in pieces as whole the same; then nothing is left."""
    assert _conversation(pieces(data)) == _conversation([data])


def _conversation(parts: list[bytes]) -> tuple[list[bytes], list[Event]]:
    ecm = joined(window=2**20, max_body=MAX_MESSAGE)
    user, told, got = User(ecm), list[bytes](), list[Event]()
    for part in parts:
        told += user.send(part)
        got += user.got
        assert user.protocol.held <= MAX_MESSAGE + MAX_CONTROL + DECODER_SIZE
    if got and got[-1].opcode == CLOSE:
        assert user.client.transport.half_closed and not len(ecm.pool)
    user.client.leave()
    assert len(ecm.pool) == len(ecm.clients) == 0
    return told, got


TARGETS = {
    "websocket": Target(websocket, 4 * MAX_MESSAGE),
    "websocket-client": Target(websocket_client, 4 * MAX_MESSAGE),
}
