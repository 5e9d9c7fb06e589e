"""Settings from the texts that an operator gave, with all checks."""

import os
import pwd
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, TypeVar

from ecm.config import endpoint, secret
from ecm.http.cors import ANY, Cors
from ecm.limits import MAX_NODES, MAX_WORKERS, REQUEST_OVERHEAD
from ecm.link.settings import LinkMode
from ecm.option import Option, groups, options
from ecm.settings import LISTEN, Settings

# The text of a flag that is set.
TRUE: Final = "true"

Given = Mapping[str, Sequence[str]]
_Part = TypeVar("_Part")


def build(given: Given) -> Settings:
    """Return the settings for the texts that were given for each option, by its name.

    Raises ValueError, which names the option and says what to do.
    """
    if "proxy-protocol" not in given:
        given = {"listen": [LISTEN], **given}
    elif "listen" not in given:
        given = {"listen": [], **given}
    settings = _build(Settings, given)
    for is_wrong, message in (*_conflicts(settings), *_conflicts_of_cors(settings.clients.cors)):
        if is_wrong:
            raise ValueError(message)
    return settings


def _build(settings: type[_Part], given: Given) -> _Part:
    values = {
        field.name: _value(option, given[option.name])
        for field, option in options(settings)
        if option.name in given
    }
    for field in groups(settings).values():
        assert field.type is not None
        values[field.name] = _build(field.type, given)
    return settings(**values)


def _value(option: Option, texts: Sequence[str]) -> Any:
    if not option.unit:
        return texts[-1] == TRUE
    values = [_read(option, text) for text in texts]
    return option.collect(values) if option.collect else values[-1]


def _read(option: Option, text: str) -> Any:
    try:
        return _READERS.get(option.name, option.read)(text)
    except ValueError as error:
        shown = text if text.isprintable() else ascii(text)  # the message is one line
        raise ValueError(f"--{option.name} {shown}: {error}") from None


def _conflicts(settings: Settings) -> Iterator[tuple[bool, str]]:
    """Yield what may be wrong with several options together, and what to do then."""
    link, clients = settings.link, settings.clients
    yield (
        clients.request.max_body > link.max_packet - REQUEST_OVERHEAD,
        "--max-body: no packet can carry it, raise --max-packet",
    )
    yield (
        0 < clients.max_buffered < max(link.max_packet, link.max_content),
        "--max-buffered: one answer of --max-content or --max-packet would exceed it",
    )
    yield (
        link.link_timeout <= link.ping_interval,
        "--link-timeout: must be longer than --ping-interval",
    )
    yield (
        0 < clients.max_connections < settings.workers,
        "--max-connections: each of the --workers needs at least one",
    )
    yield (
        link.mode is LinkMode.PLAIN and link.secret is not None,
        "--link-secret-file: a plain link cannot prove it, leave out --link-mode plain",
    )
    yield (
        settings.www is not None and b"/" in clients.paths + clients.websocket_paths,
        "--www: its index page is at /, where --path or --websocket-path takes its place",
    )
    yield (
        bool(settings.stream + settings.stream_proxy_protocol) and not link.carries_streams,
        "--stream: the link carries no streams, leave out --link-mode plain and --stream-window 0",
    )
    yield (
        len({*settings.upstream}) < len(settings.upstream),
        "--upstream: give each node once",
    )
    yield (
        len(settings.upstream) > MAX_NODES,
        f"--upstream: give at most {MAX_NODES} nodes",
    )


def _conflicts_of_cors(cors: Cors) -> Iterator[tuple[bool, str]]:
    yield (
        cors.credentials and not cors.origins,
        "--cors-credentials: say with --cors-origin for whom, and not *",
    )
    yield (
        cors.credentials and ANY in cors.headers,
        "--cors-header *: is not a wildcard with --cors-credentials, name each header",
    )


def _folder(text: str) -> str:
    try:
        is_folder = text != "" and Path(text).is_dir()  # or it would be the working directory
    except OSError as error:
        raise ValueError(error.strerror) from None
    if not is_folder:
        raise ValueError("there is no such folder")
    return text


def _user(text: str) -> str:
    try:
        user = pwd.getpwnam(text)
    except KeyError:
        raise ValueError("there is no such user") from None
    if os.geteuid() not in (0, user.pw_uid):
        raise ValueError("only root may become another user")
    return text


def _workers(text: str) -> int:
    if text == "auto":
        return len(os.sched_getaffinity(0))
    number = int(text) if text.isascii() and text.isdigit() and len(text) < 5 else 0
    if not 0 < number <= MAX_WORKERS:
        raise ValueError(f"give auto, or a number from 1 to {MAX_WORKERS}")
    return number


# How to read what depends on this machine. Everything else is read as its field says.
_READERS: dict[str, Callable[[str], Any]] = {
    "listen": endpoint.server,
    "admin": endpoint.server,
    "proxy-protocol": endpoint.proxied,
    "stream": endpoint.stream,
    "stream-proxy-protocol": endpoint.stream,
    "upstream": endpoint.client,
    "user": _user,
    "www": _folder,
    "workers": _workers,
    "link-secret-file": secret.read,
}
