"""A headless Chromium for one person: an empty profile, a page, and its end."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from selenium.common.exceptions import TimeoutException
from selenium.webdriver import Chrome, ChromeOptions, ChromeService
from selenium.webdriver.common.by import By
from selenium.webdriver.support.wait import WebDriverWait

from testkit.lasting import LASTING

CHROMIUM = Path("/usr/bin/chromium")
CHROMEDRIVER = Path("/usr/bin/chromedriver")

FLAGS = (
    "--headless",
    "--remote-debugging-pipe",  # Chromium ends when the driver's end of the pipe closes
    "--window-size=1280,800",
    "--disable-dev-shm-usage",
    "--disable-gpu",
    # Without the rest Chromium looks up its maker's hosts at every start.
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-quic",
    "--disable-sync",
    "--no-first-run",
)

# WebDriver's own keys know no character beyond U+FFFF, and take a tenth of a second.
SUBMIT = """
const field = document.querySelector(arguments[0]);
for (const text of arguments[1]) {
  field.value = text;
  field.form.requestSubmit();
}
"""


class BrowserMissing(Exception):
    """Chromium or its driver is not installed. The message says how to get it."""


class Driver(ChromeService):
    """chromedriver, which the kernel kills when the tests are killed."""

    def __init__(self) -> None:
        super().__init__("/usr/bin/setpriv")

    def command_line_args(self) -> list[str]:
        return ["--pdeathsig", "KILL", "--", str(CHROMEDRIVER), *super().command_line_args()]


class Browser:
    """Starts Chromium; ``stop`` ends it.

    Scripts are JavaScript expressions; ``arguments[0]``, … are the values given after them.
    """

    def __init__(self, timeout: float = 60) -> None:
        """``timeout`` is how many seconds ``wait`` waits at most."""
        _check_installed()
        self._profile = tempfile.TemporaryDirectory(
            prefix="megaphone-chromium-", ignore_cleanup_errors=True
        )
        service = Driver()
        try:
            self._driver = Chrome(_options(self._profile.name), service)
        except BaseException:
            service.stop()
            self._profile.cleanup()
            raise
        self._wait = WebDriverWait(self._driver, timeout, poll_frequency=0.05)

    def stop(self) -> None:
        try:
            self._driver.quit()
        finally:
            self._profile.cleanup()

    def open(self, url: str) -> None:
        """Go to an address; the page before says goodbye as it does to a person who leaves."""
        self.errors()  # of other pages
        self._driver.get(url)

    def back(self) -> None:
        """Go back to the page before, which the browser may have kept."""
        self._driver.back()

    def value(self, script: str, *values: object) -> object:
        return self._driver.execute_script(f"return ({script})", *values)

    def wait(self, script: str, *values: object) -> None:
        """Wait until the script's value is true; fail with what the page shows if it never is."""
        try:
            self._wait.until(lambda _: self.value(script, *values))
        except TimeoutException:
            shown = str(self.value("document.body.innerText"))[-2000:]
            raise AssertionError(
                f"waited in vain for {script} {values}, but saw:\n{shown}"
            ) from None

    def click(self, selector: str) -> None:
        self._driver.find_element(By.CSS_SELECTOR, selector).click()

    def submit(self, selector: str, texts: Sequence[str]) -> None:
        """Fill a field with each text in turn, and submit its form each time."""
        self._driver.execute_script(SUBMIT, selector, texts)

    def press(self, selector: str, *keys: str) -> None:
        """Type into a field, key by key; ``Keys`` has those that are not characters."""
        self._driver.find_element(By.CSS_SELECTOR, selector).send_keys(*keys)

    @contextmanager
    def inside(self, frame: str) -> Iterator[None]:
        """Look into a frame of the page."""
        self._driver.switch_to.frame(self._driver.find_element(By.CSS_SELECTOR, frame))
        yield
        self._driver.switch_to.default_content()

    @contextmanager
    def newest_window(self) -> Iterator[None]:
        """Look into the window that the page has opened, and close it."""
        self._wait.until(lambda driver: len(driver.window_handles) == 2)
        first, newest = self._driver.window_handles
        self._driver.switch_to.window(newest)
        yield
        self._driver.close()
        self._driver.switch_to.window(first)

    def decline(self) -> str:
        """Answer the question that the page asks in a dialog with no; return the question."""
        dialog = self._driver.switch_to.alert
        question = dialog.text
        dialog.dismiss()
        return question

    def set_offline(self, offline: bool) -> None:
        """Take the network away from the page, or give it back."""
        self._driver.set_network_conditions(
            offline=offline, latency=0, download_throughput=-1, upload_throughput=-1
        )

    def set_screen(self, width: int, height: int, *, dark: bool = False) -> None:
        """Show the page on a screen of that size, in the colours of day or night."""
        screen = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600}
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self._driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", screen)
        self._driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [scheme]})

    def hide_scrollbars(self) -> None:
        self._driver.execute_cdp_cmd("Emulation.setScrollbarsHidden", {"hidden": True})

    def save_screenshot(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._driver.save_screenshot(str(path))

    def errors(self) -> list[str]:
        """Return the errors that the page has logged on the console, since the last call."""
        return [entry["message"] for entry in self._driver.get_log("browser")]


_shared: dict[str, Browser] = {}


def shared_browser(name: str) -> Browser:
    """The browser of that name: started when first asked for, stopped when the tests end."""
    if name not in _shared:
        _shared[name] = Browser()
        LASTING.callback(_shared[name].stop)
    return _shared[name]


def _check_installed() -> None:
    for program in (CHROMIUM, CHROMEDRIVER):
        if not program.exists():
            raise BrowserMissing(f"{program} is missing: apt-get install chromium chromium-driver")


def _options(profile: str) -> ChromeOptions:
    options = ChromeOptions()
    options.binary_location = str(CHROMIUM)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    for flag in (*FLAGS, f"--user-data-dir={profile}"):
        options.add_argument(flag)
    if os.geteuid() == 0:
        options.add_argument("--no-sandbox")  # Chromium refuses to run as root with it
    return options
