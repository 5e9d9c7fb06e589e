"""Any bytes from a client, where frames of a WebSocket should be."""

from ecm.websocket.codes import WebSocketError, may_be_sent
from ecm.websocket.decoder import Decoder, Event, only
from ecm.websocket.frames import CLOSE, MAX_CONTROL, TEXT
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


TARGETS = {"websocket": Target(websocket, 4 * MAX_MESSAGE)}
