"""The pictures of the status page in the documents, with figures that are made up.

``python -m testkit.status_pictures`` takes them again, in Chromium.
"""

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import attrs
from PIL import Image

from ecm.page.document import status_page
from ecm.page.found import Found
from ecm.page.person import user_page
from testkit.browser import Browser
from testkit.pictures import FOLDER
from testkit.status_view import DOWN, NOW, connection, session, snapshot, view

COLOURS: Final = 64


@attrs.frozen
class Picture:
    """A page on a screen, by day or night."""

    page: str
    width: int
    height: int
    dark: bool = False


def pictures() -> dict[str, Picture]:
    """Return all pictures, by the names of their files."""
    well = status_page(view())
    ill = status_page(view(snapshot(1, DOWN), reasons=[f"link: down since 12 s: {DOWN.error}"]))
    user = Found("alice@chat.example", "jid", [session()], connections=[connection(process=2)])
    return {
        "status.png": Picture(well, 1100, 694),
        "status-dark.png": Picture(ill, 390, 844, dark=True),
        "status-user.png": Picture(user_page(user, NOW), 1100, 626),
    }


def take(folder: Path = FOLDER) -> None:
    """Take all of them."""
    browser = Browser()
    browser.hide_scrollbars()
    try:
        with TemporaryDirectory() as temporary:
            page = Path(temporary, "page.html")
            for name, picture in pictures().items():
                page.write_text(picture.page)
                browser.set_screen(picture.width, picture.height, dark=picture.dark)
                browser.open(page.as_uri())
                browser.save_screenshot(folder / name)
                _shrink(folder / name)
    finally:
        browser.stop()


def _shrink(file: Path) -> None:
    """Have a few colours in a picture, which has hardly more: a third of the bytes."""
    Image.open(file).convert("RGB").quantize(COLOURS).save(file, optimize=True)


if __name__ == "__main__":
    take()
