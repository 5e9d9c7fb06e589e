"""A WebSocket server that sends each message back. Prints its port.

Its frames and its close handshake are those of ECM. It takes any subprotocol, and binary messages.
"""

import asyncio

from ecm.http.request import RequestLimits
from ecm.http.request_parser import RequestParser
from ecm.limits import MAX_NUMBER
from ecm.websocket.closing import TRANSITIONS, Input, State
from ecm.websocket.codes import WebSocketError
from ecm.websocket.decoder import Decoder, Event
from ecm.websocket.frames import CLOSE, PING, PONG, close_frame, frame, reply_frame
from ecm.websocket.handshake import accept
from ecm.websocket.keys import SUBPROTOCOL

_PROTOCOL_LINE = b"Sec-WebSocket-Protocol: %b\r\n" % SUBPROTOCOL


class Echo(asyncio.Protocol):
    """One connection. Its client is taken for one that has made a good handshake."""

    def __init__(self) -> None:
        self._parser: RequestParser | None = RequestParser(RequestLimits())
        self._decoder = Decoder(MAX_NUMBER)
        self._state = State.OPEN

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        if self._parser is not None:
            self._parser.add(data)
            request = self._parser.next()
            if request is not None:
                self._parser = None
                answer = accept(request.head, b"").replace(_PROTOCOL_LINE, b"")
                self._transport.write(answer)
        elif self._state != State.CLOSED:
            self._decoder.add(data)
            self._echo()

    def _echo(self) -> None:
        try:
            while self._state != State.CLOSED and (event := self._decoder.next()) is not None:
                self._take(event)
        except WebSocketError as error:
            self._step(Input.FAULT, close_frame(error.code, error.reason))

    def _take(self, event: Event) -> None:
        if event.opcode == CLOSE:
            self._step(Input.CLOSE, reply_frame(event.payload))
        elif event.opcode == PING:
            self._transport.write(frame(PONG, event.payload))
        elif event.opcode != PONG:
            self._transport.write(frame(event.opcode, event.payload))

    def _step(self, what: int, close: bytes) -> None:
        step = TRANSITIONS[self._state, what]
        self._state = step.state
        if step.says:
            self._transport.write(close)
        if step.ends:
            self._transport.close()


async def main() -> None:
    server = await asyncio.get_running_loop().create_server(Echo, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())
