"""A client that runs in Chromium, on a page of its own."""

from typing import Any

from twisted.internet.threads import deferToThread
from twisted.trial.unittest import TestCase

from testkit.browser import shared_browser


class BrowserClient:
    """WebDriver blocks, so it has a thread: Bob's requests go on meanwhile."""

    def __init__(self, test: TestCase) -> None:
        self.browser = shared_browser("interop")
        test.addCleanup(self.browser.errors)
        test.addCleanup(self.browser.open, "about:blank")

    async def open(self, url: str) -> None:
        await deferToThread(self.browser.open, url)

    async def value(self, script: str, *values: object) -> Any:
        return await deferToThread(self.browser.value, script, *values)

    async def wait(self, script: str, *values: object) -> None:
        await deferToThread(self.browser.wait, script, *values)
