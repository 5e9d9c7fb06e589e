"""The status page in a real browser, with a real ejabberd: what it says is so, for everybody."""

import contextlib

from selenium.webdriver.common.keys import Keys
from twisted.internet.defer import ensureDeferred
from twisted.internet.threads import deferToThread

from ecm.tools.demo.plan import DOMAIN
from ecm.tools.ports import free_port
from testkit.bosh_client import BoshClient, Refused, http_client
from testkit.browser import shared_browser
from testkit.chat_page import SCREENS, SCREENSHOTS
from testkit.ecm_process import EcmTestCase
from testkit.link_user import PASSWORD
from testkit.own_ejabberd import OwnEjabberd
from testkit.websocket_user import WebSocketUser

USERS = ("alice", "bob", "carol")

# The number of a figure; the words of all of the page; the cells of a column of a table.
FIGURE = """[...document.querySelectorAll(".tile")]
  .find((each) => each.querySelector("dt").textContent === arguments[0])
  .querySelector("dd").textContent"""
WORDS = "document.body.innerText"
COLUMN = """[...document.querySelectorAll(`#${arguments[0]} [data-label="${arguments[1]}"]`)]
  .map((each) => each.textContent.trim())"""

# Whatever is broader than the screen.
OVERHANG = "document.documentElement.scrollWidth - document.documentElement.clientWidth"

# The least contrast of a text with what is behind it (WCAG 2.1, success criterion 1.4.3).
CONTRAST = """(() => {
  const parts = (colour) => colour.match(/[\\d.]+/g).map(Number);
  const light = ([r, g, b]) => [r, g, b].map((c) => c / 255)
    .map((c) => (c <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4))
    .reduce((sum, c, n) => sum + c * [0.2126, 0.7152, 0.0722][n], 0);
  const behind = (element) => {
    const colour = parts(getComputedStyle(element).backgroundColor);
    return colour[3] === 0 ? behind(element.parentElement) : colour;
  };
  const ratios = [...document.querySelectorAll("h1, h2, p, li, dt, dd, th, td, a, summary, button")]
    .filter((each) => each.textContent.trim() && each.getClientRects().length)
    .map((each) => [light(parts(getComputedStyle(each).color)), light(behind(each))].sort())
    .map(([dark, bright]) => (bright + 0.05) / (dark + 0.05));
  return Math.min(...ratios);
})()"""


class StatusPageTests(EcmTestCase):
    timeout = 120

    async def begin(self, workers: int = 2) -> None:
        """Start ejabberd and ECM, have the users come online, and open the page."""
        self.ejabberd = OwnEjabberd.start(self, *USERS)
        port = free_port()
        upstream = ("--upstream", f"tcp:127.0.0.1:{self.ejabberd.link_port}")
        admin = ("--admin", f"tcp:{port}:interface=127.0.0.1")
        ecm = await self.start("--workers", str(workers), *upstream, *admin)
        await ecm.printed("link up", workers)
        self.page = f"http://127.0.0.1:{port}/"
        http = http_client(self, "127.0.0.2")
        self.users = [BoshClient(http, f"{self.url}/bosh", DOMAIN) for _ in USERS]
        for name, user in zip(USERS, self.users, strict=True):
            await user.create()
            await user.login(name, PASSWORD)
            user.send("<presence xmlns='jabber:client'/>")
        self.browser = shared_browser("operator")
        self.addCleanup(lambda: ensureDeferred(self.leave()))
        await self.open(self.page)
        await self.sees(f"{FIGURE} === '3'", "Requests held")

    async def leave(self) -> None:
        for user in self.users:
            with contextlib.suppress(Refused):  # ejabberd may have been restarted
                await user.terminate()
        self.browser.open("about:blank")
        self.browser.set_screen(*SCREENS["desk"])
        self.browser.errors()

    async def open(self, address: str) -> None:
        await deferToThread(self.browser.open, address)

    async def sees(self, script: str, *values: object) -> None:
        """Wait until the page, which follows by itself, shows something."""
        await deferToThread(self.browser.wait, script, *values)

    async def save(self, name: str) -> None:
        """Look at the page on each screen, by day and night: nothing sticks out, all is legible."""
        for screen, size in SCREENS.items():
            for colours in ("light", "dark"):
                await deferToThread(self.browser.set_screen, *size, dark=colours == "dark")
                self.browser.save_screenshot(SCREENSHOTS / f"{name}-{screen}-{colours}.png")
                contrast = self.browser.value(CONTRAST)
                assert isinstance(contrast, int | float)
                self.assertGreaterEqual(contrast, 4.5, f"{screen} {colours}")
            self.assertEqual(self.browser.value(OVERHANG), 0, screen)
        self.browser.set_screen(*SCREENS["desk"])
        self.assertEqual(self.browser.errors(), [])

    async def test_it_tells_the_truth_and_follows_it(self) -> None:
        await self.begin()
        await self.sees(f"{WORDS}.includes('2 of 2 links up')")
        self.assertIn("Ready", str(self.browser.value("document.querySelector('h1').innerText")))
        self.assertEqual(self.browser.value(COLUMN, "workers", "State"), ["✓ serves"] * 2)
        await self.save("status")
        self.ejabberd.terminate()
        await self.sees("document.querySelector('h1').innerText.includes('Not ready')")
        await self.sees("document.title.startsWith('not ready')")
        self.assertTrue(self.browser.value("document.querySelector('.state.bad') !== null"))
        await self.sees(f"{WORDS}.includes('0 of 2 links up')")
        await self.save("status-not-ready")
        self.ejabberd.start_again()
        await self.sees("document.title.startsWith('ready')")

    async def test_what_a_person_does_stays_while_it_follows(self) -> None:
        await self.begin(1)
        self.browser.click("summary")
        self.browser.press("#who", "alice@")
        self.ejabberd.terminate()
        await self.sees("document.querySelector('h1').innerText.includes('Not ready')")
        self.assertTrue(self.browser.value("document.querySelector('details').open"))
        self.assertIn("tcp:127.0.0.1:", str(self.browser.value(WORDS)))
        self.assertEqual(self.browser.value("document.querySelector('#who').value"), "alice@")
        self.assertEqual(self.browser.value("document.activeElement.id"), "who")
        self.ejabberd.start_again()
        await self.sees("document.title.startsWith('ready')")

    async def test_an_old_page_says_that_it_is(self) -> None:
        await self.begin(1)
        shown = "document.querySelector('.stale').getClientRects().length > 0"
        self.assertFalse(self.browser.value(shown))
        self.addCleanup(self.browser.set_offline, False)
        self.browser.set_offline(True)
        await self.sees(shown)
        self.browser.set_offline(False)
        await self.sees(f"!({shown})")

    async def test_users_are_counted_and_found_by_their_names(self) -> None:
        await self.begin()
        await self.sees(f"{FIGURE} === '3'", "Users online")
        self.browser.press("#who", self.users[0].jid, Keys.ENTER)
        await self.sees(f"{WORDS}.includes('1 session of ejabberd, 1 connection here')")
        words = str(self.browser.value(WORDS))
        self.assertIn(f"Session {self.users[0].jid}", words)
        self.assertIn("127.0.0.2:", words)
        self.assertIn("request held for", words)
        await self.save("user")
        await self.open(f"{self.page}user?who=nobody@{DOMAIN}")
        self.assertIn("there is no such session", str(self.browser.value(WORDS)))

    async def test_a_user_is_found_over_each_transport(self) -> None:
        await self.begin(1)
        websocket = WebSocketUser(f"{self.url.replace('http', 'ws')}/ws", DOMAIN)
        self.addCleanup(websocket.leave)
        await deferToThread(websocket.log_in, USERS[1], PASSWORD)
        words = ""
        while "2 sessions of ejabberd, 2 connections here" not in words:
            # Over BOSH a user has no connection between two requests.
            await self.open(f"{self.page}user?who={USERS[1]}@{DOMAIN}")
            words = str(self.browser.value(WORDS))
        transports = self.browser.value(COLUMN, "connections", "Transport")
        assert isinstance(transports, list)
        self.assertEqual(sorted(transports), ["HTTP", "WebSocket"])
        self.assertIn(f"Session {websocket.jid}", words)

    async def test_a_user_is_found_by_an_address(self) -> None:
        await self.begin()
        self.browser.press("#who", "127.0.0.2", Keys.ENTER)
        await self.sees(f"{WORDS}.includes('3 sessions of ejabberd, 3 connections here')")
        words = str(self.browser.value(WORDS))
        self.assertTrue(all(f"Session {user.jid}" in words for user in self.users), words)
        self.browser.press("#who", Keys.BACKSPACE * 20, "127.0.0.3", Keys.ENTER)
        await self.sees(f"{WORDS}.includes('0 connections here')")
