"""The guard of the admin endpoint: pages in the operator's browser neither read nor do anything.

Any page may have a browser ask a server on its own machine. What it may not read by the rules of
browsers, it can by a name of its own that it lets point to that machine (DNS rebinding): so the
name under which ECM is asked must be one of this machine. And it may post without reading the
reply (CSRF): so what changes something must not come from another page. Pure.
"""

import re
from collections.abc import Collection
from http import HTTPStatus
from ipaddress import ip_address

from ecm.admin.asked import Asked, Reply, refused


def guarded(asked: Asked, names: Collection[str], is_open: bool) -> Reply | None:
    """Return the refusal of a request, or None for one that may be answered.

    ``names`` are those of this machine. What ``is_open`` tells nothing of persons; a monitoring may
    ask it under any name.
    """
    host = asked.headers.get("host", "")
    if asked.over_tcp and not is_open and not _is_own(host, names):
        return refused(
            HTTPStatus.MISDIRECTED_REQUEST,
            f"{host or 'no name'} is not a name of this machine: ask it by its address, or as"
            " localhost",
        )
    if asked.method != "GET" and _is_of_other_page(asked):
        return refused(HTTPStatus.FORBIDDEN, "this was sent by a page of another origin")
    return None


def _is_own(host: str, names: Collection[str]) -> bool:
    found = re.fullmatch(r"(?:\[([0-9A-Fa-f:.]+)\]|([A-Za-z0-9._-]+))(?::[0-9]{1,5})?", host)
    if found is None:
        return False
    name = (found[1] or found[2]).lower().rstrip(".")
    if name == "localhost" or name in names:
        return True
    try:
        ip_address(name)
    except ValueError:
        return False
    return True


def _is_of_other_page(asked: Asked) -> bool:
    """Return whether a browser says so: all say Origin with POST, and newer ones Sec-Fetch-Site."""
    origin = asked.headers.get("origin")
    own = f"://{asked.headers.get('host', '')}"
    if origin is not None and not (origin.startswith("http") and origin.endswith(own)):
        return True
    return asked.headers.get("sec-fetch-site", "none") not in ("same-origin", "none")
