"""A link to each node, for a moment: whether ejabberd is there, and takes it with this secret."""

import secrets
import time

import attrs
from twisted.internet import defer
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import clientFromString
from twisted.internet.protocol import Protocol

from ecm.config.check.finding import Finding, error, ok
from ecm.limits import CHECK_TIMEOUT, CLOSE_TIMEOUT
from ecm.link.settings import LinkMode
from ecm.metrics import Metrics
from ecm.net.clock import CoarseClock
from ecm.net.reactor import ReactorCore
from ecm.settings import Settings
from ecm.upstream.connector import LinkFactory
from ecm.upstream.lookup import Lookup, LookupFailed
from ecm.upstream.names import parse
from ecm.upstream.pool import UpstreamPool
from ecm.upstream.protocol import LinkProtocol
from ecm.upstream.reasons import reason


async def check(settings: Settings, reactor: ReactorCore) -> list[Finding]:
    """Return what is to be said of each node, one after the other. ejabberd logs each link."""
    findings = []
    for text in settings.upstream:
        try:
            endpoints = await _endpoints(text, reactor)
        except LookupFailed as why:
            findings.append(error(f"{text}: {why}"))
            continue
        findings += [await _node(endpoint, settings, reactor) for endpoint in endpoints]
    return findings


async def _endpoints(text: str, reactor: ReactorCore) -> list[str]:
    """Return the endpoints that an --upstream stands for. Raises LookupFailed."""
    name = parse(text)
    return [text] if name is None else await Lookup(reactor.nameResolver).endpoints(name)


async def _node(endpoint: str, settings: Settings, reactor: ReactorCore) -> Finding:
    """Begin a link that does not resume, and so ends with its connection."""
    clock = CoarseClock(reactor, time.time)
    pool = UpstreamPool(1 + secrets.randbelow(2**58), 0, clock.now)
    links = LinkFactory(pool, clock, attrs.evolve(settings.link, link_grace=0), Metrics())
    clock.start()
    try:
        connecting: Deferred[Protocol] = clientFromString(reactor, endpoint).connect(links)
        ready = connecting.addCallback(_ready).addTimeout(CHECK_TIMEOUT, reactor)
        link = await ready
    except defer.TimeoutError:
        return error(f"{endpoint}: there is no link within {CHECK_TIMEOUT} seconds")
    except Exception as why:  # whatever endpoints raise
        return error(f"{endpoint}: no link: {reason(why)}")
    finally:
        clock.stop()
    await _closed(link, reactor)
    if settings.link.mode is LinkMode.PLAIN:
        return ok(f"{endpoint}: somebody listens; who, and whether for a plain link, is not known")
    return ok(f"{endpoint}: ejabberd takes the link")


async def _closed(link: LinkProtocol, reactor: ReactorCore) -> None:
    """Close a link. Over TLS, ejabberd may not do its part."""
    closed: Deferred[None] = Deferred()
    link.on_lost = lambda _: closed.callback(None)
    link.transport.loseConnection()
    last = reactor.callLater(CLOSE_TIMEOUT, link.transport.abortConnection)
    await closed
    if last.active():
        last.cancel()


def _ready(link: Protocol) -> "Deferred[LinkProtocol]":
    assert isinstance(link, LinkProtocol)
    return link.ready
