"""All that the operator said, checked."""

from collections.abc import Mapping

import attrs

from ecm.frontend.settings import FrontendSettings
from ecm.limits import (
    DRAIN_TIMEOUT,
    MAX_TIMEOUT,
    MAX_WORKERS,
    MIN_WORKER_TIMEOUT,
    QUEUE_TIMEOUT,
    WORKER_TIMEOUT,
)
from ecm.link.settings import LinkSettings
from ecm.log.settings import LogSettings
from ecm.option import group, number, option

LISTEN = "tcp:7080"
UPSTREAM = "tcp:127.0.0.1:5290"
TLS_VERSIONS = ("1.2", "1.3")


def _tls_version(text: str) -> str:
    if text not in TLS_VERSIONS:
        raise ValueError("give 1.2 or 1.3")
    return text


@attrs.frozen
class Settings:
    """The settings of an ECM, and of its workers. Endpoints are strings as Twisted has them.

    ``user`` is the name of one of this machine. ``www`` is the folder of the static files.
    ``admin`` is the endpoint for operators, None if there is none, and ``config`` the file that was
    read. Times are in seconds.

    ``texts`` are the values of all options by name, as they were given, and ``origins`` where:
    ``flag``, ``ECM_X``, ``FILE:LINE``, or ``default``. They show no secret, and do not count when
    settings are compared.
    """

    config: str | None = attrs.field(
        default=None,
        metadata=option(
            "file",
            "File with options, in TOML; its keys are the names of the options. A variable of the"
            " environment (ECM_MAX_BODY for --max-body) goes before it, and the command line before"
            " both.",
            short="c",
        ),
    )

    user: str | None = attrs.field(
        default=None,
        metadata=option(
            "name",
            "User that ECM becomes, with the groups of that user, once it has opened its ports for"
            " clients and read its keys; whoever starts it must be root.",
        ),
    )
    listen: tuple[str, ...] = attrs.field(
        default=(LISTEN,),
        metadata=option(
            "endpoint",
            "Endpoint on which clients connect.",
            collect=tuple,
            shown=LISTEN,
            short="l",
        ),
    )
    proxy_protocol: tuple[str, ...] = attrs.field(
        default=(),
        metadata=option(
            "endpoint",
            "Endpoint for a proxy that begins each connection with a PROXY header.",
            collect=tuple,
        ),
    )
    stream: tuple[str, ...] = attrs.field(
        default=(),
        metadata=option(
            "endpoint",
            "Endpoint for XMPP over TCP: starttls:FOLDER:port=5222 with a folder of certificates,"
            " where clients ask for TLS; ssl: or tls:FOLDER:port=5223 with TLS at once; or"
            " plain:ENDPOINT without, for a proxy that has had it.",
            collect=tuple,
        ),
    )
    stream_proxy_protocol: tuple[str, ...] = attrs.field(
        default=(),
        metadata=option(
            "endpoint",
            "The same, for a proxy that begins each connection with a PROXY header.",
            collect=tuple,
        ),
    )
    reuse_port: bool = attrs.field(
        default=False,
        metadata=option(
            "",
            "Let another ECM of the same user open the same TCP port (SO_REUSEPORT), to take over.",
        ),
    )
    lean_tls: bool = attrs.field(
        default=False,
        metadata=option(
            "",
            "Have OpenSSL shake hands with clients of TLS 1.3, and go on without it: 1.3 kB for"
            " each connection instead of 26. It is new, and nobody else has reviewed it yet.",
        ),
    )
    tls_minimum: str = attrs.field(
        default=TLS_VERSIONS[0],
        metadata=option(
            "version",
            "Oldest version of TLS that clients may have: 1.2 or 1.3.",
            read=_tls_version,
        ),
    )
    admin: str | None = attrs.field(
        default=None,
        metadata=option(
            "endpoint",
            "Endpoint for operators: readiness, metrics, status, commands. Whoever reaches it may"
            " do all of that: unix:/run/ecm/admin.sock:mode=660, tcp:9461:interface=127.0.0.1.",
        ),
    )
    metrics_per_worker: bool = attrs.field(
        default=False,
        metadata=option(
            "", "Tell the metrics (GET /metrics of --admin) of each worker, with a label worker."
        ),
    )
    upstream: tuple[str, ...] = attrs.field(
        default=(UPSTREAM,),
        metadata=option(
            "endpoint",
            "Endpoint of mod_ecm in ejabberd; of each node, if there are several in a cluster."
            " dns:tcp:HOST:PORT is all addresses of a host, srv:tcp:NAME all SRV records of a name,"
            " with tls for tcp over TLS.",
            collect=tuple,
            shown=UPSTREAM,
            short="u",
        ),
    )
    www: str | None = attrs.field(
        default=None,
        metadata=option(
            "folder",
            "Folder of files to serve on all paths but those of BOSH and WebSocket (otherwise"
            " 404).",
            short="w",
        ),
    )
    workers: int = attrs.field(
        default=1,
        metadata=option(
            "number",
            "Number of processes that share the clients, or auto: one for each core.",
            range=(1, MAX_WORKERS),
        ),
    )
    worker_timeout: int = attrs.field(
        default=WORKER_TIMEOUT,
        metadata=number(
            "seconds",
            MIN_WORKER_TIMEOUT,
            MAX_TIMEOUT,
            "Time after which a worker that hangs, and says nothing, is killed and replaced.",
        ),
    )
    queue_timeout: int = attrs.field(
        default=QUEUE_TIMEOUT,
        metadata=number(
            "seconds",
            0,
            MAX_TIMEOUT,
            "Time that requests wait while there is no link, or a congested one, before ECM answers"
            " 503.",
        ),
    )
    drain_timeout: int = attrs.field(
        default=DRAIN_TIMEOUT,
        metadata=number(
            "seconds",
            0,
            MAX_TIMEOUT,
            "Time of a graceful shutdown: it waits for requests in flight, and closes streams one"
            " after the other.",
        ),
    )
    log: LogSettings = attrs.field(default=LogSettings(), metadata=group("The log"))
    link: LinkSettings = attrs.field(default=LinkSettings(), metadata=group("The link to ejabberd"))
    clients: FrontendSettings = attrs.field(
        default=FrontendSettings(), metadata=group("Connections of clients")
    )
    texts: Mapping[str, tuple[str, ...]] = attrs.field(factory=dict, eq=False, repr=False)
    origins: Mapping[str, str] = attrs.field(factory=dict, eq=False, repr=False)

    @property
    def newest_tls(self) -> bool:
        """True if clients need the newest version of TLS."""
        return self.tls_minimum == TLS_VERSIONS[-1]

    @property
    def has_several_nodes(self) -> bool:
        """True if there may be several nodes of ejabberd."""
        return len(self.upstream) > 1 or self.upstream[0].startswith(("dns:", "srv:"))

    @property
    def endpoints(self) -> tuple[str, ...]:
        """All endpoints for clients, in the order of ``Server.factories``."""
        return self.listen + self.proxy_protocol + self.stream + self.stream_proxy_protocol

    @property
    def ports(self) -> tuple[str, ...]:
        """All endpoints that are listened on: those for clients, and that for operators."""
        return self.endpoints + ((self.admin,) if self.admin else ())
