"""Stock ejabberd, to which users come with streams: WebSocket and TCP, with TLS and without."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from ecm.tools.ejabberd.configuration import configuration, listener, without_options
from ecm.tools.ports import free_port
from testkit.certificates import make_certificate
from testkit.servers import ejabberd

DOMAIN = "localhost"

# By the scheme of its URL, each listener, and the path in the URL. At the one of xmpp, TLS begins
# with STARTTLS, for those who want it.
_WEBSOCKET = {"module": "ejabberd_http", "request_handlers": {"/ws": "ejabberd_http_ws"}}
_LISTENERS: dict[str, tuple[dict[str, Any], str]] = {
    "ws": (_WEBSOCKET, "/ws"),
    "wss": (_WEBSOCKET | {"tls": True}, "/ws"),
    "xmpp": ({"module": "ejabberd_c2s", "starttls": True}, ""),
    "xmpps": ({"module": "ejabberd_c2s", "tls": True}, ""),
}


# Connections that wait to be accepted. ejabberd's default is 5, and the kernel drops those beyond
# that, whose clients believe that they are connected.
_BACKLOG = 4096


@contextmanager
def stock_streams(users: Mapping[str, str]) -> Iterator[dict[str, str]]:
    """Start one with these users (name -> password). Return its URLs, by their schemes."""
    ports = {scheme: free_port() for scheme in _LISTENERS}
    with TemporaryDirectory() as folder:
        made = make_certificate(Path(folder))
        pem = Path(folder) / "server.pem"
        pem.write_bytes(made.certificate.read_bytes() + made.key.read_bytes())
        config = configuration(
            [DOMAIN],
            [
                listener(port=ports[scheme], backlog=_BACKLOG, **each)
                for scheme, (each, _) in _LISTENERS.items()
            ],
            without_options("mod_disco", "mod_offline", "mod_roster"),
            certfiles=[str(pem)],
        )
        with ejabberd.started(config, users) as process:
            for port in ports.values():
                process.wait_until_listening(port)
            yield {
                scheme: f"{scheme}://127.0.0.1:{ports[scheme]}{path}"
                for scheme, (_, path) in _LISTENERS.items()
            }
