"""A server that takes everything and answers nothing: ejabberd, as ECM and proxies see it at rest.

Prints its port, and then how many requests it has received: those that contain ``END``.
"""

import asyncio

END = b"</body>"  # of what each request carries


class Silence(asyncio.Protocol):
    """One connection. The last bytes of a segment are kept, as END may have been cut."""

    requests = 0

    def __init__(self) -> None:
        self._tail = b""

    def data_received(self, data: bytes) -> None:
        data = self._tail + data
        Silence.requests += data.count(END)
        self._tail = data[1 - len(END) :]


async def main() -> None:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(Silence, "127.0.0.1", 0, backlog=4096)
    print(server.sockets[0].getsockname()[1])
    while True:
        await asyncio.sleep(0.1)
        print(Silence.requests)


if __name__ == "__main__":
    asyncio.run(main())
