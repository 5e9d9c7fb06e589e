"""Clients that each hold one request, in a process of their own.

``python -m bench.load.long_poll PORT [tls]`` reads numbers on its stdin: it opens connections
until there are so many, sends a request on each, and prints the number.

They come from several addresses of 127.0.0.0/8: the kernel hands out the ports of a pair of
addresses in such an order that connecting becomes slow after 14,000.
"""

import socket
import ssl
import sys

from bench.load.request import REQUEST

ADDRESSES = ["127.0.1.1", "127.0.1.2", "127.0.1.3", "127.0.1.4"]
IP_BIND_ADDRESS_NO_PORT = 24  # of Linux; Python has no name for it


def connect(port: int, address: str) -> socket.socket:
    client = socket.socket()
    client.setsockopt(socket.IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, 1)
    client.bind((address, 0))
    client.connect(("127.0.0.1", port))
    return client


def main() -> None:
    port, tls = int(sys.argv[1]), "tls" in sys.argv
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    clients: list[socket.socket] = []
    for line in sys.stdin:
        while len(clients) < int(line):
            client = connect(port, ADDRESSES[len(clients) % len(ADDRESSES)])
            clients.append(context.wrap_socket(client) if tls else client)
            clients[-1].sendall(REQUEST)
        print(len(clients))


if __name__ == "__main__":
    main()
