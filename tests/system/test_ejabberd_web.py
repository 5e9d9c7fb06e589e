"""ejabberd's own web pages beside mod_ecm: they lead clients to ECM, and show its sessions."""

import json
import re
from contextlib import ExitStack
from html import unescape
from typing import Any
from urllib.parse import urldefrag, urljoin
from xml.etree.ElementTree import fromstring

from treq import content, get
from twisted.trial.unittest import TestCase

from ecm.tools.demo.folder import work_folder
from ecm.tools.demo.plan import DOMAIN
from ecm.tools.ejabberd import installation
from ecm.tools.ejabberd.configuration import configuration, listener, without_options
from ecm.tools.ejabberd.node import Node
from ecm.tools.ports import free_port
from testkit.bosh_client import BoshClient, http_client
from testkit.compiled import compiled
from testkit.ecm_process import start_ecm
from testkit.servers.process import Process

_USERS = {"alice": "secret", "admin": "secret"}
_ADMIN = (f"admin@{DOMAIN}", "secret")

_BOSH = "urn:xmpp:alt-connections:xbosh"
_XRD = "{http://docs.oasis-open.org/ns/xri/xrd-1.0}"

_HANDLERS = {
    "/.well-known/host-meta": "mod_host_meta",
    "/.well-known/host-meta.json": "mod_host_meta",
    "/conversejs": "mod_conversejs",
    "/admin": "ejabberd_web_admin",
}
_STOCK_HANDLERS = {"/bosh": "mod_bosh", "/ws": "ejabberd_http_ws"}

# What the web admin has in place of a page that it could not make.
_FAULTS = re.compile("Internal (Server )?Error|badmatch|function_clause|undef,|{error,")

# What is no page of the web admin: what acts, what logs out, and files; the page for which ejabberd
# asks epmd, which this node has not; and the tables of the database that have no session and no
# part of mod_ecm.
_LEFT_OUT = re.compile(
    r"[?]|[.](css|png|ico|js)$|/logout/|/cluster/|/db/(table/)?(?!table/|ecm_|session/)[^/]"
)


class EjabberdWebTestCase(TestCase):
    """A private ejabberd with mod_ecm and web pages, and ECM in front of it."""

    timeout = 120

    def setUp(self) -> None:
        resources = self.enterContext(ExitStack())
        self.folder = resources.enter_context(work_folder(None))
        found = installation.find()
        self.node = Node(
            self.folder.ejabberd, self.folder.logs, found, free_port(), code=[compiled(found)]
        )
        self.link_port, self.web_port, self.bosh_port = (free_port() for _ in range(3))
        self.web = f"http://{DOMAIN}:{self.web_port}"
        self.bosh = f"http://{DOMAIN}:{self.bosh_port}/bosh"

    def start(self, stock: bool = False, **pages: dict[str, Any]) -> None:
        """Start ejabberd. ``pages`` are options of modules, ``stock`` leaves its own BOSH on."""
        handlers = _HANDLERS | (_STOCK_HANDLERS if stock else {})
        listeners = [
            listener("mod_ecm", self.link_port),
            listener("ejabberd_http", self.web_port, request_handlers=handlers),
        ]
        names = ["mod_ecm", "mod_disco", "mod_roster", "mod_offline", "mod_last", "mod_admin_extra"]
        modules = without_options(*names, *(["mod_bosh"] if stock else []))
        self.node.write(
            configuration(
                [DOMAIN],
                listeners,
                modules | {"mod_host_meta": {}, "mod_conversejs": {}} | pages,
                acl={"admin": {"user": [f"admin@{DOMAIN}"]}},
                access_rules={"configure": {"allow": "admin"}},
            ),
            _USERS,
        )
        process = Process.of(self.node.process())
        process.start()
        self.addCleanup(process.kill)
        process.wait_until_ready()

    async def log_in(self, url: str) -> BoshClient:
        """Let alice log in at a BOSH URL, through ECM."""
        upstream = ("--upstream", f"tcp:127.0.0.1:{self.link_port}")
        ecm = start_ecm(self, "--listen", f"tcp:{self.bosh_port}:interface=127.0.0.1", *upstream)
        await ecm.printed("link up")
        alice = BoshClient(http_client(self), url, DOMAIN)
        await alice.create()
        await alice.login("alice", _USERS["alice"])
        return alice

    async def page(self, path: str) -> str:
        response = await get(urljoin(self.web, path), persistent=False)
        self.assertEqual(response.code, 200, path)
        return (await content(response)).decode()

    async def links(self, path: str = "/.well-known/host-meta") -> dict[str, str]:
        """Return the relations of host-meta and their URLs, the same in either form."""
        xrd = fromstring(await self.page(path))
        links = {each.attrib["rel"]: each.attrib["href"] for each in xrd.iter(f"{_XRD}Link")}
        told = json.loads(await self.page(f"{path}.json"))["links"]
        self.assertEqual({each["rel"]: each["href"] for each in told}, links)
        return links

    async def converse(self) -> dict[str, Any]:
        """Return the settings that mod_conversejs gives to Converse."""
        page = await self.page("/conversejs")
        [settings] = re.findall(r"converse\.initialize\((.*)\);", page)
        found: dict[str, Any] = json.loads(settings)
        return found


class DiscoveryTests(EjabberdWebTestCase):
    def url(self) -> str:
        return self.bosh.replace(DOMAIN, "@HOST@")

    async def test_pages_name_the_url_of_ecm(self) -> None:
        """With the settings of docs/install.md; a client that follows host-meta logs in."""
        self.start(
            mod_host_meta={"bosh_service_url": self.url(), "websocket_url": "undefined"},
            mod_conversejs={"bosh_service_url": self.url()},
        )
        self.assertEqual(await self.links(), {_BOSH: self.bosh})
        settings = await self.converse()
        self.assertEqual(settings["bosh_service_url"], self.bosh)
        self.assertNotIn("websocket_url", settings)
        alice = await self.log_in((await self.links())[_BOSH])
        await alice.terminate()

    async def test_pages_do_not_find_ecm_themselves(self) -> None:
        self.start()
        self.assertEqual(await self.links(), {})
        self.assertFalse({"bosh_service_url", "websocket_url"} & set(await self.converse()))

    async def test_stock_handlers_take_clients_past_ecm(self) -> None:
        """As docs/install.md says: Converse is told of the WebSocket, and a page shows mod_bosh."""
        self.start(stock=True, mod_conversejs={"bosh_service_url": self.url()})
        settings = await self.converse()
        self.assertEqual(settings["bosh_service_url"], self.bosh)
        self.assertEqual(settings["websocket_url"].rstrip("/"), f"ws://{DOMAIN}:{self.web_port}/ws")
        self.assertIn("ejabberd mod_bosh", await self.page("/bosh"))


class WebAdminTests(EjabberdWebTestCase):
    async def test_every_page_is_shown(self) -> None:
        self.start()
        alice = await self.log_in(self.bosh)
        pages = await self.admin_pages()
        self.assertIn(f"{self.web}/admin/server/{DOMAIN}/user/alice/", pages)
        self.assertTrue([each for each in pages if "/ecm_sid_key/" in each])
        for address, text in pages.items():
            self.assertIsNone(_FAULTS.search(text), address)
        log = self.node.console_log.read_text()
        self.assertEqual(re.findall(r"\[(?:error|critical)\] .*", log), [])
        await alice.terminate()

    async def admin_pages(self) -> dict[str, str]:
        """Follow the links of the web admin. Returns the pages by their addresses."""
        pages: dict[str, str] = {}
        waiting = [f"{self.web}/admin/"]
        for address in waiting:  # it grows meanwhile
            response = await get(address, auth=_ADMIN, persistent=False)
            if response.code == 404:
                continue  # some of ejabberd's own links lead nowhere
            self.assertEqual(response.code, 200, address)
            pages[address] = (await content(response)).decode()
            waiting += sorted(self.links_in(pages[address], address) - set(waiting))
        return pages

    def links_in(self, page: str, address: str) -> set[str]:
        hrefs = re.findall("""href=['"]([^'"]*)['"]""", page)
        links = {urldefrag(urljoin(address, unescape(href))).url for href in hrefs}
        own = f"{self.web}/admin/"
        return {each for each in links if each.startswith(own) and not _LEFT_OUT.search(each)}
