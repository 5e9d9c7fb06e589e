"""SASL2 (XEP-0388) is offered where the client's connection is encrypted, and only there."""

from xml.etree.ElementTree import Element

from treq.client import HTTPClient
from twisted.internet import reactor
from twisted.internet.ssl import Certificate, trustRootFromCertificates
from twisted.web.client import Agent, BrowserLikePolicyForHTTPS, HTTPConnectionPool

from ecm.tools.bosh.sasl import plain
from ecm.tools.bosh.stanzas import BIND2, FAST, SASL, SASL2, bind2
from ecm.tools.demo.plan import DOMAIN
from testkit.bosh_client import SM, BoshClient, Refused
from testkit.certificates import make_certificate
from testkit.ecm_process import temporary_folder
from testkit.link_case import PASSWORD
from testkit.listeners import ANONYMOUS_DOMAIN
from testkit.sasl2_case import Sasl2TestCase

AUTHENTICATION = f"{{{SASL2}}}authentication"
CHANNEL_BINDING = "urn:xmpp:sasl-cb:0"


class OfferTests(Sasl2TestCase):
    async def test_to_clients_with_tls_that_say_who_they_are(self) -> None:
        await self.begin()
        await self.assert_offered(self.secure())

    async def test_where_tls_ends_at_ecm(self) -> None:
        await self.begin()
        await self.assert_offered(await self.over_https())

    async def test_where_the_operator_says_so(self) -> None:
        await self.begin("sasl2")
        await self.assert_offered(self.client(self.entrance))

    async def assert_offered(self, client: BoshClient) -> None:
        """SASL2 is offered beside SASL, if this ejabberd has it, and it holds what it says."""
        user = await self.account()
        features = await client.create(f"{user}@{DOMAIN}")
        self.assertEqual(mechanisms(features, SASL), {"PLAIN", "SCRAM-SHA-1", "X-OAUTH2"})
        offered = features.find(f".//{AUTHENTICATION}")
        self.assertIs(offered is not None, self.has_sasl2)
        self.assertEqual(list(features.iter(f"{{{CHANNEL_BINDING}}}sasl-channel-binding")), [])
        if offered is None:
            await client.login(user, PASSWORD)
        else:
            self.assertEqual(mechanisms(offered, SASL2), {"PLAIN", "SCRAM-SHA-1", "X-OAUTH2"})
            self.assertEqual(mechanisms(offered, FAST), {"HT-SHA-256-NONE"})
            self.assertIsNotNone(offered.find(f".//{{{BIND2}}}bind"))
            self.assertIsNotNone(offered.find(f".//{{{SM}}}sm"))
            await client.authenticate2(plain(user, PASSWORD), bind2("web"))
        await self.leave(client)

    async def test_to_nobody_else(self) -> None:
        await self.begin()
        user = await self.account()
        jid = f"{user}@{DOMAIN}"
        await self.assert_not_offered(self.client(self.entrance), jid, user)
        for other in ("", DOMAIN, f"{jid}.example", f"{user}@{ANONYMOUS_DOMAIN}", "@", "<"):
            await self.assert_not_offered(self.secure(), other, user)
        untrusting = await self.front("typed")
        await self.assert_not_offered(self.secure(untrusting), jid, user)
        plain_link = await self.front("plain", "--link-mode", "plain")
        await self.assert_not_offered(self.secure(plain_link), jid, user)

    async def assert_not_offered(self, client: BoshClient, jid: str, user: str) -> None:
        """There is no SASL2; to ask for it fails, and to log in with SASL does not."""
        features = await client.create(jid)
        self.assertEqual(list(features.iter(AUTHENTICATION)), [], jid)
        if self.has_sasl2:
            with self.assertRaisesRegex(Refused, "encryption-required|not-authorized"):
                await client.authenticate2(plain(user, PASSWORD), bind2("web"))
        await client.login(user, PASSWORD)
        await self.leave(client)

    async def over_https(self) -> BoshClient:
        """A client at an ECM at which TLS ends."""
        certificate = make_certificate(temporary_folder(self))
        front = await self.front("typed", "--listen", certificate.endpoint())
        port = (await front.process.printed(r"TLS\) starting on ([0-9]+)"))[1]
        pool = HTTPConnectionPool(reactor)
        self.addCleanup(pool.closeCachedConnections)
        authority = trustRootFromCertificates([Certificate.loadPEM(certificate.ca)])
        agent = Agent(reactor, BrowserLikePolicyForHTTPS(authority), pool=pool)
        return BoshClient(HTTPClient(agent), f"https://localhost:{port}/http-bind", DOMAIN)


def mechanisms(features: Element, namespace: str) -> set[str | None]:
    return {element.text for element in features.iter(f"{{{namespace}}}mechanism")}
