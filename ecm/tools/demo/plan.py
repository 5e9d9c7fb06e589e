"""The addresses and folders of one demo."""

from collections.abc import Mapping

import attrs

from ecm.tools.demo.folder import Folder
from ecm.tools.ports import HOST

DOMAIN = "localhost"
BOSH_PATH = "/http-bind"
WEBSOCKET_PATH = "/ws"


@attrs.frozen
class Plan:
    """Fixed at the start: a process that restarts finds its place unchanged."""

    folder: Folder
    page_port: int  # where ECM listens for HTTP
    xmpp_port: int  # and for XMPP over TCP, with STARTTLS
    link_port: int  # where mod_ecm listens
    distribution_port: int  # the node's Erlang distribution: how ejabberdctl reaches it
    users: Mapping[str, str]  # name -> password

    @property
    def origin(self) -> str:
        """Scheme, host and port of ECM, as its URLs begin."""
        return f"http://{HOST}:{self.page_port}"

    @property
    def page(self) -> str:
        """The URL for the browser."""
        return f"{self.origin}/"

    @property
    def bosh(self) -> str:
        """The URL for BOSH clients."""
        return f"{self.origin}{BOSH_PATH}"

    @property
    def websocket(self) -> str:
        """The URL for WebSocket clients."""
        return f"ws://{HOST}:{self.page_port}{WEBSOCKET_PATH}"

    @property
    def xmpp(self) -> str:
        """The host and the port for XMPP over TCP."""
        return f"{HOST}:{self.xmpp_port}"

    @property
    def link(self) -> str:
        return f"{HOST}:{self.link_port}"
