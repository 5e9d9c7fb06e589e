"""ECM, as the demo starts it."""

import socket
import sys
from pathlib import Path

from ecm.tools.demo import probe
from ecm.tools.demo.folder import CERTIFICATES
from ecm.tools.demo.plan import Plan
from ecm.tools.errors import ToolError
from ecm.tools.ports import HOST, free_port
from ecm.tools.process import Process

# The port on which clients look for XMPP over TCP, unless they are told of another (RFC 6120).
XMPP_PORT = 5222


def page_port(wanted: int) -> int:
    """Return the port for the page, any free one for 0. Raises ToolError if it is in use."""
    return _port(wanted, "--http")


def xmpp_port(wanted: int | None) -> int:
    """Return the port for XMPP over TCP; for None the usual one, or any where that is in use."""
    if wanted is not None:
        return _port(wanted, "--xmpp")
    try:
        return _port(XMPP_PORT, "--xmpp")
    except ToolError:
        return free_port()


def _port(wanted: int, option: str) -> int:
    if wanted == 0:
        return free_port()
    try:
        _listen(wanted)
    except OSError as error:
        raise ToolError(
            f"cannot listen on port {wanted} ({error.strerror}): choose another with {option} PORT"
        ) from error
    return wanted


def _listen(port: int) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind((HOST, port))
        probe.listen()


def prepare(plan: Plan) -> Process:
    """Return ECM, ready to be started, with the page in front and mod_ecm behind it."""
    return Process(
        name="ECM",
        command=[
            str(Path(sys.executable).with_name("twistd")),
            *("-n", "--pidfile=", "ecm"),
            *("--listen", f"tcp:{plan.page_port}:interface={HOST}"),
            # The folder is below that in which it runs: no character of its path counts.
            *("--stream", f"starttls:{CERTIFICATES}:port={plan.xmpp_port}:interface={HOST}"),
            *("--upstream", f"tcp:{plan.link}"),
            *("--link-secret-file", str(plan.folder.link_secret)),
            *("--www", str(plan.folder.www)),
            *("--host-meta", plan.origin),
            # ejabberd stops next: no answer is worth waiting for.
            *("--drain-timeout", "0"),
        ],
        log=plan.folder.logs / "ecm.log",
        cwd=plan.folder.path,
        ready=lambda _: probe.serves(plan.page_port),
    )
