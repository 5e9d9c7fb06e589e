"""The prelude of every script: a session, a login."""

import asyncio
import secrets
from collections.abc import Callable, Mapping
from xml.etree.ElementTree import Element

from conformance.actor import Actor
from conformance.body import CLIENT, STREAM, shown
from conformance.errors import Failed
from conformance.limits import MAX_VALUE
from conformance.stage import Stage

BIND = "urn:ietf:params:xml:ns:xmpp-bind"
SASL = "urn:ietf:params:xml:ns:xmpp-sasl"

# Longer than anyone's patience: no answer comes because of it.
_WAIT = "60"


async def open_session(stage: Stage, actor: Actor, attributes: Mapping[str, str]) -> None:
    """Create a session, with these attributes, and wait for the features of the stream."""
    asked = {
        "to": actor.domain,
        "wait": _WAIT,
        "hold": "1",
        "ver": "1.11",
        "xml:lang": "en",
        "xmpp:version": "1.0",
    } | dict(attributes)
    await stage.send(actor, f"<body {_written(asked)}/>")
    await _next(stage, actor, lambda element: element.tag == f"{{{STREAM}}}features")


async def log_in(stage: Stage, actor: Actor, resource: str, attributes: Mapping[str, str]) -> None:
    """Create a session, authenticate, and bind a resource.

    No presence is sent: what is for the very resource arrives all the same (RFC 6121, 8.5.3), and
    nothing else does.
    """
    await open_session(stage, actor, attributes)
    auth = f"<auth xmlns='{SASL}' mechanism='PLAIN'>{actor.account.plain}</auth>"
    await _send(stage, actor, f"<body>{auth}</body>")
    outcome = await _next(stage, actor, lambda element: SASL in element.tag)
    if outcome.tag != f"{{{SASL}}}success":
        raise Failed(f"{actor.account.name} cannot log in with PLAIN: {shown(outcome)}")
    await _send(stage, actor, f"<body to='{actor.domain}' xmpp:restart='true'/>")
    await _next(stage, actor, lambda element: element.tag == f"{{{STREAM}}}features")
    await _bind(stage, actor, resource or f"suite-{secrets.token_hex(4)}")


async def _bind(stage: Stage, actor: Actor, resource: str) -> None:
    bind = f"<bind xmlns='{BIND}'><resource>{resource}</resource></bind>"
    await _send(stage, actor, f"<body><iq type='set' id='bind'>{bind}</iq></body>")
    result = await _next(stage, actor, lambda element: element.tag == f"{{{CLIENT}}}iq")
    jid = result.findtext(f"{{{BIND}}}bind/{{{BIND}}}jid")
    if jid is None or len(jid) > MAX_VALUE:
        raise Failed(f"no resource was bound: {shown(result)}")
    actor.jid = jid


async def _send(stage: Stage, actor: Actor, text: str) -> None:
    """Send a request, no sooner than a client that polls may send an empty one."""
    await asyncio.sleep(stage.rest(actor))
    await stage.send(actor, text)


async def _next(stage: Stage, actor: Actor, wanted: Callable[[Element], bool]) -> Element:
    """Take elements until one comes that is wanted; those before it are dropped."""
    came = await stage.gather(actor, lambda came: any(map(wanted, came)))
    return next(filter(wanted, came))


def _written(attributes: Mapping[str, str]) -> str:
    return " ".join(f"{name}='{value}'" for name, value in attributes.items() if value)
