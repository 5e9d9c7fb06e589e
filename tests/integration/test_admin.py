"""The admin endpoint of ``twistd ecm``, over real sockets, with and without workers."""

import json
import os
import re
import signal
import stat

import treq
from cryptography.x509 import load_pem_x509_certificate
from prometheus_client.parser import text_string_to_metric_families
from treq.client import HTTPClient
from twisted.internet import reactor
from twisted.internet.endpoints import TCP4ClientEndpoint, UNIXClientEndpoint, connectProtocol
from twisted.internet.interfaces import IStreamClientEndpoint
from twisted.internet.task import deferLater
from twisted.web.client import URI, Agent
from twisted.web.http_headers import Headers
from twisted.web.iweb import IAgentEndpointFactory
from zope.interface import implementer

from ecm.net.certificates import in_short
from ecm.tools.ports import free_port
from testkit.certificates import make_certificate
from testkit.ecm_process import LOOPBACK, EcmTestCase, start_ecm, temporary_folder
from testkit.process import Process
from testkit.raw_client import RawClient
from testkit.workers_case import POST, QUICK, Links


@implementer(IAgentEndpointFactory)
class Always:
    """Connects to one endpoint, whatever the URL is."""

    def __init__(self, endpoint: IStreamClientEndpoint) -> None:
        self._endpoint = endpoint

    def endpointForURI(self, uri: URI) -> IStreamClientEndpoint:
        return self._endpoint


class AdminTests(EcmTestCase):
    timeout = 60
    workers = 1

    async def begin(self, *more: str) -> Process:
        """Start ECM with an admin endpoint, and wait until it has all its links."""
        self.links = await Links.start(self)
        self.links.answers = True
        self.socket = temporary_folder(self) / "admin.sock"
        admin = ("--admin", f"unix:{self.socket}", "--upstream", self.links.endpoint)
        ecm = await self.start("--workers", f"{self.workers}", *admin, *QUICK, *more)
        await self.links.until(greeted=self.workers)
        return ecm

    async def ask(self, method: str, target: str, host: str = "localhost") -> tuple[int, str]:
        """Return status and body of the reply over the UNIX socket."""
        endpoint = UNIXClientEndpoint(reactor, str(self.socket))
        agent = Agent.usingEndpointFactory(reactor, Always(endpoint))
        url = f"http://{host}{target}"
        response = await HTTPClient(agent).request(method, url)
        return response.code, await response.text()

    async def test_its_socket_is_for_the_group_and_goes_with_ecm(self) -> None:
        ecm = await self.begin()
        self.assertEqual(stat.S_IMODE(self.socket.stat().st_mode), 0o660)
        self.assertEqual(await self.ask("GET", "/livez"), (200, "alive\n"))
        await ecm.stop()
        self.assertFalse(self.socket.exists())

    async def test_over_a_unix_socket_it_has_any_name(self) -> None:
        await self.begin()
        status, _ = await self.ask("GET", "/status.json", "admin.example")
        self.assertEqual(status, 200)

    async def test_over_tcp_it_has_no_name_that_a_page_could_have(self) -> None:
        port = free_port()
        links = await Links.start(self)
        admin = f"tcp:{port}:interface=127.0.0.1"
        await self.start("--upstream", links.endpoint, *QUICK, "--admin", admin)
        for host, status in ((f"127.0.0.1:{port}", 200), ("evil.example", 421)):
            url = f"http://127.0.0.1:{port}/status.json"
            response = await treq.get(url, headers=Headers({"Host": [host]}), persistent=False)
            self.assertEqual(response.code, status)

    async def test_an_endpoint_that_cannot_be_opened_is_said_in_a_line(self) -> None:
        ecm = start_ecm(self, "--listen", LOOPBACK, *QUICK, "--admin", "unix:/nosuch/x")
        self.assertEqual(await ecm.ended, 1)
        self.assertRegex(ecm.output, "(?m)^twistd ecm: --admin unix:/nosuch/x.*$")
        self.assertNotIn("Traceback", ecm.output)

    async def until(self, path: str, status: int) -> str:
        """Ask again and again until the status is this one, and return what is said then."""
        while True:
            found, text = await self.ask("GET", path)
            if found == status:
                return text
            await deferLater(reactor, 0.05)

    async def public(self) -> tuple[int, str]:
        """Return what the public path tells a balancer."""
        response = await treq.get(f"{self.url}/bosh", persistent=False)
        return response.code, await response.text()

    async def test_it_is_ready_while_it_has_a_link(self) -> None:
        await self.begin()
        self.assertEqual(await self.until("/readyz?all", 200), "ready\n")
        self.assertEqual((await self.public())[0], 200)
        await self.links.close()
        why = await self.until("/readyz", 503)
        self.assertRegex(why, r"link: down since [0-9]+ s: ")
        while (await self.public())[0] != 503:
            await deferLater(reactor, 0.05)
        await self.links.open()
        self.assertEqual(await self.until("/readyz", 200), "ready\n")
        status = json.loads((await self.ask("GET", "/status.json"))[1])
        self.assertEqual((status["ready"], len(status["processes"])), (True, self.workers))

    async def test_a_drain_sends_clients_away_until_it_ends(self) -> None:
        await self.begin()
        self.assertEqual(await self.post("/bosh", b"before"), (200, b"before"))
        status, _ = await self.ask("POST", "/drain?seconds=1")
        self.assertEqual(status, 200)
        self.assertEqual(await self.until("/readyz", 503), "draining\n")
        while (await self.public())[0] != 503:
            await deferLater(reactor, 0.05)
        self.assertEqual(await self.post("/bosh", b"served"), (200, b"served"))
        self.assertEqual((await self.ask("POST", "/undrain"))[0], 200)
        self.assertEqual(await self.until("/readyz?all", 200), "ready\n")
        while (await self.public())[0] != 200:
            await deferLater(reactor, 0.05)

    async def test_the_page_shows_certificates_and_leads_on(self) -> None:
        certificate = make_certificate(temporary_folder(self))
        await self.begin("--listen", certificate.endpoint())
        await self.until("/readyz?all", 200)
        page = (await self.ask("GET", "/"))[1]
        certificates = re.search('<section id="certificates".*?</section>', page)
        assert certificates is not None
        self.assertIn("localhost", certificates[0])
        links = re.findall('<a href="([^"]+)"', page)
        self.assertEqual(len(links), 4)
        for link in links:
            self.assertEqual((await self.ask("GET", f"/{link}"))[0], 200, link)

    async def test_the_connections_of_an_address_are_found(self) -> None:
        """That of the client, where a proxy of bytes tells it; also if there is no ejabberd."""
        ecm = await self.begin("--proxy-protocol", LOOPBACK)
        port = int((await ecm.printed(r"(?s)starting on [0-9]+.*starting on ([0-9]+)"))[1])
        self.links.answers = False
        header = b"PROXY TCP4 203.0.113.9 192.0.2.1 50123 443\r\n"
        endpoint = TCP4ClientEndpoint(reactor, "127.0.0.1", port)
        client = RawClient(header + POST % (4, b"held"))
        await connectProtocol(endpoint, client)
        await self.links.until(held=1)
        found = json.loads((await self.ask("GET", "/user.json?who=203.0.113.9"))[1])
        [connection] = found["connections"]
        shown = [connection[each] for each in ("address", "port", "kind", "phase", "requests")]
        self.assertEqual(shown, ["203.0.113.9", 50123, "http", "held", 1])
        self.assertLess(connection["came"], 30)
        self.assertEqual(found["sessions"], [])
        self.assertIn("update it", found["why"][0])
        status, page = await self.ask("GET", "/user?who=203.0.113.9")
        self.assertEqual(status, 200)
        self.assertIn("203.0.113.9:50123", page)
        self.assertEqual((await self.ask("GET", "/user?who="))[0], 400)
        client.transport.loseConnection()
        await client.closed

    async def test_metrics_are_those_of_all_processes(self) -> None:
        await self.begin()
        for _ in range(4):
            self.assertEqual(await self.post("/bosh", b"a"), (200, b"a"))
        await self.metric("ecm_answers_total", 4)
        await self.metric("ecm_workers", self.workers)
        await self.metric("ecm_link_up", self.workers, protocol="typed")
        await self.metric("ecm_http_responses_total", 4, code="200")
        await self.metric("ecm_connections_closed_total", 4)

    async def test_certificates_are_told_with_their_end(self) -> None:
        certificate = make_certificate(temporary_folder(self))
        await self.begin("--listen", certificate.endpoint())
        told = "ecm_tls_certificate_not_after_timestamp_seconds"
        name, end = in_short(load_pem_x509_certificate(certificate.certificate.read_bytes()))
        await self.metric(told, end, name=name)

    async def metric(self, name: str, value: float, /, **labels: str) -> None:
        """Scrape again and again until a metric has this value. It never has a greater one."""
        while True:
            found = await self.scraped(name, **labels)
            if found == {value}:
                return
            self.assertLessEqual(max(found, default=0), value)
            await deferLater(reactor, 0.05)

    async def value(self, name: str) -> float:
        """Return the value that a metric has."""
        [found] = await self.scraped(name)
        return found

    async def scraped(self, name: str, /, **labels: str) -> set[float]:
        status, text = await self.ask("GET", "/metrics")
        self.assertEqual(status, 200)
        return {
            sample.value
            for family in text_string_to_metric_families(text)
            for sample in family.samples
            if sample.name == name and sample.labels.items() >= labels.items()
        }


class SupervisorAdminTests(AdminTests):
    workers = 2

    async def test_what_a_worker_has_counted_stays_when_it_is_killed(self) -> None:
        ecm = await self.begin()
        for _ in range(6):
            await self.post("/bosh", b"a")
        await self.metric("ecm_answers_total", 6)
        victim = int((await ecm.printed("worker 1: serving as process ([0-9]+)"))[1])
        os.kill(victim, signal.SIGKILL)
        await ecm.printed("worker 1 was killed by SIGKILL; respawning")
        await self.metric("ecm_worker_restarts_total", 1, how="signal")
        status, text = await self.ask("GET", "/metrics")
        self.assertIn("\necm_answers_total 6.0\n", text)

    async def test_what_workers_have_counted_stays_when_others_take_over(self) -> None:
        file = temporary_folder(self) / "ecm.toml"
        file.write_text("idle-timeout = 60\n")
        ecm = await self.begin("--config", str(file))
        for _ in range(6):
            await self.post("/bosh", b"a")
        await self.metric("ecm_answers_total", 6)
        file.write_text("idle-timeout = 61\n")
        self.assertEqual((await self.ask("POST", "/reload"))[0], 200)
        await self.metric("ecm_answers_total", 6)
        await ecm.printed("generation 1 of workers has ended")
        await self.metric("ecm_answers_total", 6)
        await self.post("/bosh", b"a")
        await self.metric("ecm_answers_total", 7)
        await self.metric("ecm_config_last_reload_success", 1)

    async def test_clients_of_a_former_generation_are_found_and_counted(self) -> None:
        file = temporary_folder(self) / "ecm.toml"
        file.write_text("idle-timeout = 60\n")
        await self.begin("--config", str(file), "--drain-timeout", "20")
        self.links.answers = False
        client = RawClient(POST % (4, b"held"))
        await connectProtocol(TCP4ClientEndpoint(reactor, "127.0.0.1", self.port), client)
        await self.links.until(held=1)
        await self.metric("ecm_connections", 1)
        await self.metric("ecm_links_wanted", 2)
        limit = await self.value("ecm_connections_limit")
        file.write_text("idle-timeout = 61\n")
        self.assertEqual((await self.ask("POST", "/reload"))[0], 200)
        await self.metric("ecm_connections_limit", limit + 1)  # that is there, and no more there
        for name in ("ecm_connections", "ecm_requests_held"):
            self.assertEqual(await self.value(name), 1, name)
        await self.metric("ecm_links_wanted", 4)
        found = json.loads((await self.ask("GET", "/user.json?who=127.0.0.1"))[1])
        self.assertEqual([each["phase"] for each in found["connections"]], ["held"])
        snapshots = json.loads((await self.ask("GET", "/status.json"))[1])["snapshots"]
        former = [each.get("connections", {}) for each in snapshots if each.get("is_former")]
        self.assertEqual(sum(each.get("open", 0) for each in former), 1)
        self.assertEqual((await self.ask("GET", "/readyz?all"))[0], 200)
        for link in self.links.all:
            link.answer()
        await client.closed
        while await self.value("ecm_connections"):
            await deferLater(reactor, 0.05)

    async def test_a_level_of_the_log_holds_in_workers_that_start_later(self) -> None:
        file = temporary_folder(self) / "ecm.toml"
        file.write_text("idle-timeout = 60\n")
        ecm = await self.begin("--config", str(file))
        await ecm.printed("serving as process", times=2)

        async def replace_one() -> None:
            os.kill(self.links.all[-1].process, signal.SIGKILL)
            await self.links.until(greeted=len(self.links.all) + 1)

        self.assertEqual((await self.ask("POST", "/log?level=warn"))[0], 200)
        await replace_one()
        file.write_text("idle-timeout = 61\n")
        self.assertEqual((await self.ask("POST", "/reload"))[0], 200)
        await replace_one()  # of the new generation
        file.write_text("idle-timeout = 61\nlog-level = 'debug'\n")
        self.assertEqual((await self.ask("POST", "/reload"))[0], 200)
        await replace_one()
        await ecm.printed("serving as process", times=3)
        self.assertEqual(ecm.output.count("serving as process"), 3, ecm.output)

    async def test_each_worker_has_metrics_of_its_own(self) -> None:
        await self.begin("--metrics-per-worker")
        for worker in ("1", "2"):
            await self.metric("ecm_link_up", 1, protocol="typed", worker=worker)

    async def test_a_worker_is_replaced(self) -> None:
        ecm = await self.begin()
        self.assertEqual((await self.ask("POST", "/restart?worker=2"))[0], 200)
        await ecm.printed("worker 2 exited with status 0; another one serves")
        status, why = await self.ask("POST", "/restart?worker=3")
        self.assertEqual((status, why), (400, "there is no worker 3, they are 1 to 2\n"))
