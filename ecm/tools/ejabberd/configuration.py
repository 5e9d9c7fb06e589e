"""The configuration of a private ejabberd, as JSON, which is YAML."""

from collections.abc import Mapping, Sequence
from typing import Any

Options = Mapping[str, Any]

LOOPBACK = "127.0.0.1"


def configuration(
    hosts: Sequence[str], listeners: Sequence[Options], modules: Options, **options: Any
) -> dict[str, Any]:
    """Return the content of ejabberd.yml. Nothing leaves the machine: there is no s2s.

    ``options`` are further ones of the top level.
    """
    return {
        "hosts": list(hosts),
        "loglevel": "info",
        "s2s_access": "none",
        "auth_method": "internal",
        "listen": list(listeners),
        "modules": dict(modules),
        **options,
    }


def listener(module: str, port: int | str, **options: Any) -> dict[str, Any]:
    """A listener on a port of loopback, or on a UNIX socket, where ``port`` is ``unix:PATH``."""
    address = {"ip": LOOPBACK} if isinstance(port, int) else {}
    return {"module": module, **address, "port": port, **options}


def without_options(*modules: str) -> dict[str, Any]:
    """Modules with their default options."""
    return {module: {} for module in modules}
