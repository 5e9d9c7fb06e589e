"""``ecm-swarm`` over streams, with real servers."""

import re
import signal
from functools import cache
from typing import Any

from testkit.certificates import Authority
from testkit.ecm_process import start_ecm, temporary_folder
from testkit.lasting import LASTING
from testkit.listeners import ANONYMOUS_DOMAIN
from testkit.private_ejabberd import running_ejabberd
from testkit.process import Process
from testkit.servers.stock_streams import stock_streams
from testkit.swarm_case import USERS, SwarmTestCase


class WebSocketTests(SwarmTestCase):
    async def begin(self, *arguments: str) -> Process:
        """Start ECM in front of ejabberd, and a swarm that comes with WebSockets."""
        upstream = running_ejabberd().listeners.upstream("auto")
        self.ecm = await super().start("--upstream", upstream)
        url = self.url.replace("http://", "ws://") + "/ws"
        return self.swarm(url, "--anonymous", "--domain", ANONYMOUS_DOMAIN, *arguments)

    async def test_every_message_arrives_once(self) -> None:
        swarm = await self.begin("--message-rate", "max", "--messages", "200", "--rest", "0.5")
        result = await self.result(swarm, 0)
        self.all_was_well(result)
        self.assertEqual(result["messages"]["sent"], 200)
        self.assertEqual(result["options"]["target"]["transport"], "websocket")

    async def test_a_storm(self) -> None:
        talk = ("--message-rate", "20", "--duration", "1", "--storm", "70")
        result = await self.result(await self.begin(*talk), 0)
        self.assertTrue(result["ok"])
        self.assertEqual((result["users"]["logins"], result["users"]["left"]), (120, 120))
        self.assertEqual(result["storm"]["came back"], 70)

    async def test_a_server_that_is_gone(self) -> None:
        swarm = await self.begin("--duration", "600")
        await swarm.printed(f"stay .* {USERS} online")
        self.ecm.signal(signal.SIGKILL)
        result = await self.result(swarm, 1)
        self.assertEqual(result["users"]["sessions lost"], USERS)
        self.assertEqual(result["errors"], {"closed": USERS})

    async def test_a_server_that_stops(self) -> None:
        """Each is told that the stream is over, and counted."""
        swarm = await self.begin("--duration", "600")
        await swarm.printed(f"stay .* {USERS} online")
        self.ecm.signal(signal.SIGTERM)
        result = await self.result(swarm, 1)
        self.assertEqual(result["errors"], {"closed 1012": USERS})


class HttpsTests(SwarmTestCase):
    """BOSH over TLS, in ECM with a certificate for localhost of an authority that nobody knows."""

    async def run_swarm(self, status: int, *arguments: str) -> Any:
        """Run a swarm against it, and return what it wrote."""
        folder = temporary_folder(self)
        root = Authority.root()
        folder.joinpath("cert.pem").write_bytes(b"".join(root.sign("localhost")))
        self.ca = folder / "ca"
        self.ca.write_bytes(root.issuers)
        upstream = running_ejabberd().listeners.upstream("auto")
        listen = ("--listen", f"tls:{folder}:port=0:interface=127.0.0.1", "--lean-tls")
        ecm = start_ecm(self, *listen, "--upstream", upstream)
        await ecm.printed("link up")
        (port,) = re.findall("Factory.* starting on ([0-9]+)", ecm.output)
        who = ("--anonymous", "--domain", ANONYMOUS_DOMAIN, "--message-rate", "max")
        arguments = tuple(each.format(ca=self.ca) for each in arguments)
        swarm = self.swarm(
            f"https://localhost:{port}/http-bind", *who, "--messages", "100", *arguments
        )
        return await self.result(swarm, status)

    async def test_the_certificate_is_looked_at(self) -> None:
        self.all_was_well(await self.run_swarm(0, "--ca", "{ca}"))

    async def test_one_that_nobody_knows_is_refused(self) -> None:
        result = await self.run_swarm(1)
        self.assertEqual(result["users"]["logins"], 0)
        self.assertEqual({*result["errors"]}, {"TLS: certificate verify failed"})

    async def test_without_a_look_at_it(self) -> None:
        self.all_was_well(await self.run_swarm(0, "--insecure"))


class TcpTests(SwarmTestCase):
    async def talk(self, scheme: str, endpoint: str) -> None:
        """Have a swarm talk through an ECM that listens so, with lean TLS where it has TLS."""
        folder = temporary_folder(self)
        folder.joinpath("cert.pem").write_bytes(b"".join(Authority.root().sign("localhost")))
        place = f"{endpoint}:{folder}:port=0:interface=127.0.0.1"
        upstream = running_ejabberd().listeners.upstream("auto")
        ecm = start_ecm(
            self,
            *("--listen", "tcp:0:interface=127.0.0.1", "--upstream", upstream, "--lean-tls"),
            *("--stream", place),
        )
        await ecm.printed("link up")
        _, port = re.findall("Factory.* starting on ([0-9]+)", ecm.output)
        who = ("--anonymous", "--domain", ANONYMOUS_DOMAIN, "--transport", "tls", "--insecure")
        messages = ("--message-rate", "max", "--messages", "200")
        swarm = self.swarm(f"{scheme}://127.0.0.1:{port}", *who, *messages)
        self.all_was_well(await self.result(swarm, 0))

    async def test_starttls(self) -> None:
        await self.talk("xmpp", "starttls")

    async def test_direct_tls(self) -> None:
        await self.talk("xmpps", "tls")


@cache
def urls() -> dict[str, str]:
    """Those of stock ejabberd, which runs until the tests end, by their schemes."""
    users = {f"user{number}": "secret" for number in range(USERS)}
    return LASTING.enter_context(stock_streams(users))


class StockTests(SwarmTestCase):
    """Of ejabberd alone."""

    async def talk(self, scheme: str, *arguments: str) -> None:
        messages = ("--message-rate", "100", "--messages", "100")
        swarm = self.swarm(urls()[scheme], *messages, *arguments)
        self.all_was_well(await self.result(swarm, 0))

    async def test_websocket(self) -> None:
        await self.talk("ws")

    async def test_websocket_over_tls(self) -> None:
        await self.talk("wss", "--insecure")

    async def test_tcp(self) -> None:
        await self.talk("xmpp")

    async def test_starttls(self) -> None:
        await self.talk("xmpp", "--transport", "tls", "--insecure")

    async def test_direct_tls(self) -> None:
        await self.talk("xmpps", "--insecure")

    async def test_nobody_knows_them(self) -> None:
        for scheme in ("ws", "xmpp"):
            swarm = self.swarm(urls()[scheme], "--users", "3", "--accounts", "user{}:wrong")
            result = await self.result(swarm, 1)
            self.assertEqual(result["users"]["given up"], 3)
            self.assertEqual(result["errors"], {"SASL not-authorized": 9})

    async def test_a_server_without_tls(self) -> None:
        """It answers something and closes, which may undo its answer."""
        url = urls()["ws"].replace("ws://", "wss://")
        result = await self.result(self.swarm(url, "--users", "3"), 1)
        self.assertEqual(result["users"]["given up"], 3)
        self.assertEqual(sum(result["errors"].values()), 9)
        self.assertLessEqual(set(result["errors"]), {"TLS: not TLS", "closed", "reset"})
