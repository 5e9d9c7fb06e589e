"""A client that runs in Chromium, or in Firefox, on a page of its own."""

import sys
from typing import Any

from twisted.internet.threads import deferToThread
from twisted.trial.unittest import TestCase

from testkit import browser
from testkit.browser import Browser, shared_browser
from testkit.certificates import ServerCertificate
from tests.interop.firefox import Firefox


def trust(test: TestCase, certificate: ServerCertificate) -> None:
    """Have the clients of this test in a browser of their own, which knows this key."""
    known = f"--ignore-certificate-errors-spki-list={certificate.spki}"
    test.patch(browser, "FLAGS", (*browser.FLAGS, known))
    chromium = Browser()
    test.addCleanup(chromium.stop)
    browse_with(test, chromium)


def browse_with(test: TestCase, browser: Browser | Firefox) -> None:
    """Have the clients of this test in this browser."""
    test.patch(sys.modules[__name__], "shared_browser", lambda _: browser)


class BrowserClient:
    """WebDriver blocks, so it has a thread: Bob's requests go on meanwhile."""

    def __init__(self, test: TestCase) -> None:
        self.browser = shared_browser("interop")
        test.addCleanup(self.browser.open, "about:blank")

    async def open(self, url: str) -> None:
        await deferToThread(self.browser.open, url)

    async def value(self, script: str, *values: object) -> Any:
        return await deferToThread(self.browser.value, script, *values)

    async def wait(self, script: str, *values: object) -> None:
        await deferToThread(self.browser.wait, script, *values)
