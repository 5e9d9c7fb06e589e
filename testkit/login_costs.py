"""The requests and bytes of each way to log in: ``python -m testkit.login_costs``.

It counts until a resource is bound, at an ECM before a private ejabberd: the bodies, without heads.
"""

import sys
from collections.abc import Awaitable, Callable
from typing import Any, cast
from uuid import uuid4
from xml.etree.ElementTree import Element

import attrs
from treq import content
from treq.client import HTTPClient
from twisted.internet import reactor
from twisted.internet.defer import ensureDeferred
from twisted.internet.task import react
from twisted.web.client import Agent, HTTPConnectionPool
from twisted.web.http_headers import Headers

from ecm.tools.bosh.sasl import Mechanism, Scram, Token, plain
from ecm.tools.bosh.stanzas import FAST, bind2, user_agent
from ecm.tools.demo.plan import DOMAIN
from ecm.tools.ejabberd import installation
from ecm.tools.ports import HOST, free_port
from testkit.bosh_client import BoshClient
from testkit.lasting import LASTING
from testkit.private_ejabberd import running_ejabberd
from testkit.process import script
from testkit.servers.process import command

USER, PASSWORD = "romeo", "secret"
JID = f"{USER}@{DOMAIN}"
AGENT = user_agent(str(uuid4()))
REQUEST_TOKEN = f"<request-token xmlns='{FAST}' mechanism='HT-SHA-256-NONE'/>"


@attrs.define
class Counter:
    """Stands between a client and HTTP."""

    http: HTTPClient
    requests: int = 0
    sent: int = 0
    received: int = 0

    async def post(self, url: str, data: bytes, headers: Headers) -> Any:
        response = await self.http.post(url, data=data, headers=headers)
        self.requests += 1
        self.sent += len(data)
        self.received += len(await content(response))
        return response


async def sasl(client: BoshClient, mechanism: str) -> None:
    await client.create()
    await client.login(USER, PASSWORD, mechanism)


async def sasl2(client: BoshClient, mechanism: Mechanism, *inline: str) -> Element:
    await client.create(JID)
    return await client.authenticate2(mechanism, AGENT, *inline, bind2("web"))


async def with_token(client: BoshClient, token: str) -> None:
    """The client knows that the server has tokens, and does not wait for its features."""
    login = Token(USER, token)
    await client.begin2(JID, login, AGENT, f"<fast xmlns='{FAST}'/>", bind2("web"))


async def measure(http: HTTPClient, url: str) -> None:
    async def row(way: str, log_in: Callable[[BoshClient], Awaitable[Any]]) -> Any:
        counter = Counter(http)
        client = BoshClient(cast(HTTPClient, counter), url, DOMAIN)
        told = await log_in(client)
        print(f"| {way} | {counter.requests} | {counter.sent:,} | {counter.received:,} |")
        await client.terminate()
        return told

    newcomer = BoshClient(http, url, DOMAIN)
    await newcomer.create()
    await newcomer.register(USER, PASSWORD)
    await newcomer.terminate()
    print("| login | requests | bytes sent | bytes received |\n| --- | --- | --- | --- |")
    await row("SASL PLAIN, bind", lambda client: sasl(client, "PLAIN"))
    await row("SASL SCRAM-SHA-1, bind", lambda client: sasl(client, "SCRAM-SHA-1"))
    await row("SASL2 PLAIN, Bind 2", lambda client: sasl2(client, plain(USER, PASSWORD)))
    await row("SASL2 SCRAM-SHA-1, Bind 2", lambda client: sasl2(client, Scram(USER, PASSWORD)))
    login = plain(USER, PASSWORD)
    way = "SASL2 PLAIN, Bind 2, asks for a token"
    success = await row(way, lambda client: sasl2(client, login, REQUEST_TOKEN))
    token = success.find(f"{{{FAST}}}token").attrib["token"]
    way = "SASL2 with the token, Bind 2, in the request that begins the session"
    await row(way, lambda client: with_token(client, token))


def main() -> None:
    if "mod_auth_fast" not in installation.find().modules():
        sys.exit("this ejabberd has no tokens: choose 24.12 or a later one with ECM_EJABBERD")
    ejabberd = running_ejabberd()
    port = free_port()
    listen = f"tcp:{port}:interface={HOST}"
    upstream = ejabberd.listeners.upstream("sasl2")
    arguments = ("-n", "--pidfile=", "ecm", "--listen", listen, "--upstream", upstream)
    ecm = command(script("twistd"), *arguments)
    ecm.start()
    LASTING.callback(ecm.stop)
    while "link up" not in ecm.line():
        pass
    http = HTTPClient(Agent(reactor, pool=HTTPConnectionPool(reactor)))
    url = f"http://{HOST}:{port}/http-bind"
    react(lambda _: ensureDeferred(measure(http, url)), ())


if __name__ == "__main__":
    main()
