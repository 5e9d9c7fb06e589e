"""Files that a path may lead to: regular ones, below the folder, whose names have no dot first."""

import os
import stat
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import quote, unquote_to_bytes

from hypothesis import example, given, settings
from hypothesis.strategies import lists, sampled_from
from twisted.trial.unittest import TestCase

from ecm.frontend.static.files import MissingSlash, NotThere, find
from ecm.frontend.static.handler import StaticHandler
from testkit.in_memory import Joined

# The files that may be read, with their texts, and those that may not, whose text is SECRET.
SERVED = {
    "index.html": "page",
    "a": "a",
    "a b": "a b",
    "folder/index.htm": "index of folder",
    "folder/deep/é.js": "deep",
    ".well-known/host-meta": "host-meta",
    ".well-known/acme-challenge/token": "token",
}
SECRET = "secret"
HIDDEN = [
    *("../outside", ".hidden", ".git/config", "folder/.hidden", "folder/.well-known/x"),
    *(".well-known/.hidden", ".well-known2/x", "empty/.x", "..x"),
]
LINKS = {
    "linked": "folder/deep/é.js",
    "linked-folder": "folder",
    "published": ".git/config",
    "published-folder": ".git",
    "out": "../outside",
    "out-folder": "..",
    "absolute": "/etc/hostname",
    "nowhere": "none",
    "round": "round",
    "folder/out": "../../outside",
    "to-top": ".",
}


def segments(path: str) -> list[bytes]:
    """Cut and decode a path as twisted.web does."""
    return [unquote_to_bytes(segment) for segment in path.removeprefix("/").split("/")]


def make_tree(folder: Path) -> Path:
    top = folder / "www"
    for name in HIDDEN:
        (top / name).parent.mkdir(parents=True, exist_ok=True)
        (top / name).write_text(SECRET)
    for name, text in SERVED.items():
        (top / name).parent.mkdir(parents=True, exist_ok=True)
        (top / name).write_text(text)
    for name, target in LINKS.items():
        (top / name).symlink_to(target)
    os.mkfifo(top / "fifo")
    os.mkfifo(top / ".well-known" / "fifo")
    (top / "device").symlink_to("/dev/zero")
    return top


class FindTests(TestCase):
    def setUp(self) -> None:
        self.top = make_tree(Path(self.enterContext(TemporaryDirectory())))

    def read(self, path: str) -> str:
        with closing(find(os.fsencode(self.top), segments(path))) as file:
            return file.read(0, file.size).decode()

    def test_files(self) -> None:
        for name, text in SERVED.items():
            self.assertEqual(self.read("/" + quote(name)), text)

    def test_a_folder_shows_its_index(self) -> None:
        self.assertEqual(self.read("/"), "page")
        self.assertEqual(self.read("/folder/"), "index of folder")
        for path in ("/folder", "/to-top"):
            self.assertRaises(MissingSlash, self.read, path)

    def test_what_is_not_there(self) -> None:
        for path in ("/none", "/a/", "/a/b", "/folder/deep", "/folder/deep/", "/empty", "/empty/"):
            self.assertRaises(NotThere, self.read, path)
        for path in ("//a", "/folder//index.htm", "//", "/" + "x" * 5000, "/" + "x/" * 5000):
            self.assertRaises(NotThere, self.read, path)

    def test_names_with_a_dot_first_are_hidden(self) -> None:
        for path in ("/.hidden", "/.git/config", "/folder/.hidden", "/..x", "/.", "/..", "/./a"):
            self.assertRaises(NotThere, self.read, path)

    def test_but_what_is_well_known_at_the_top(self) -> None:
        for path in ("/.well-known/.hidden", "/folder/.well-known/x", "/.well-known2/x"):
            self.assertRaises(NotThere, self.read, path)
        self.assertRaises(NotThere, self.read, "/.well-known/../.hidden")
        self.assertRaises(NotThere, self.read, "/.well-known")
        self.assertRaises(NotThere, self.read, "/.well-known/")

    def test_a_segment_is_one_name(self) -> None:
        for path in ("/x%2f..%2f.git%2fconfig", "/folder%2f.hidden", "/a%2f", "/%2fa", "/a%00"):
            self.assertRaises(NotThere, self.read, path)
        for path in ("/%2e%2e/outside", "/..%2foutside", "/%2Ehidden", "/.%2e%2f%2e%2e", "/%00"):
            self.assertRaises(NotThere, self.read, path)
        self.assertRaises(NotThere, self.read, "/%252e%252e/outside")

    def test_links_lead_to_files_below_the_folder(self) -> None:
        self.assertEqual(self.read("/linked"), "deep")
        self.assertEqual(self.read("/linked-folder/deep/%C3%A9.js"), "deep")
        for path in ("/published", "/published-folder/config", "/out", "/out-folder/outside"):
            self.assertRaises(NotThere, self.read, path)
        for path in ("/absolute", "/nowhere", "/round", "/folder/out"):
            self.assertRaises(NotThere, self.read, path)

    def test_a_volume_of_kubernetes(self) -> None:
        (self.top / "..2026").mkdir()
        (self.top / "..2026/mounted").write_text("mounted")
        (self.top / "..data").symlink_to("..2026")
        (self.top / "mounted").symlink_to("..data/mounted")
        self.assertEqual(self.read("/mounted"), "mounted")
        self.assertRaises(NotThere, self.read, "/..data/mounted")

    def test_the_folder_itself_may_be_a_link_and_may_change(self) -> None:
        current = self.top.parent / "current"
        current.symlink_to(self.top)
        top, self.top = self.top, current
        self.assertEqual(self.read("/a"), "a")
        current.unlink()
        current.symlink_to(top / "folder")
        self.assertEqual(self.read("/deep/%C3%A9.js"), "deep")

    def test_what_is_no_regular_file_is_not_even_opened(self) -> None:
        os.mknod(self.top / "socket", stat.S_IFSOCK)
        for path in ("/fifo", "/.well-known/fifo", "/device", "/socket"):
            self.assertRaises(NotThere, self.read, path)

    def test_a_file_that_becomes_a_link_meanwhile_is_not_followed(self) -> None:
        real = os.path.realpath

        def too_early(path: bytes, strict: bool = False) -> bytes:
            found = real(path, strict=strict)
            if found.endswith(b"/a"):
                (self.top / "a").unlink()
                (self.top / "a").symlink_to("../outside")
            return found

        self.patch(os.path, "realpath", too_early)
        self.assertRaises(NotThere, self.read, "/a")

    def test_no_descriptor_is_left(self) -> None:
        before = os.listdir("/proc/self/fd")
        for path in (
            "/a",
            "/folder",
            "/out",
            "/fifo",
            "/folder/deep/%C3%A9.js",
            "/nowhere",
            "/a/b",
        ):
            try:
                self.read(path)
            except (NotThere, MissingSlash):
                continue
        self.assertEqual(os.listdir("/proc/self/fd"), before)


NAMES = sorted({part for name in (*SERVED, *HIDDEN, *LINKS) for part in name.split("/")})
ODD = [
    "/",
    "%2f",
    "%2F",
    "%5c",
    "\\",
    "%00",
    ".",
    "..",
    "%2e",
    "%2E%2e",
    "x",
    "",
    "?",
    "%",
    "%c0%ae",
]


def pieces() -> Iterator[str]:
    yield from (quote(name) for name in NAMES)
    yield from ODD


class AnyPathTests(TestCase):
    """Whatever path a client makes up, over HTTP."""

    def setUp(self) -> None:
        top = make_tree(Path(self.enterContext(TemporaryDirectory())))
        self.ecm = Joined(StaticHandler(str(top)))

    @settings(max_examples=400)
    @given(lists(sampled_from([*pieces(), "/", "/"]), max_size=9).map("".join))
    @example("x%2f..%2f.git%2fconfig")
    @example("%2e%2e/outside")
    @example(".well-known/../.git/config")
    def test_only_what_is_served_is_read(self, path: str) -> None:
        answer = self.ecm.client().send(f"GET /{path} HTTP/1.1\r\nHost: a\r\n\r\n".encode())
        head, _, body = answer.partition(b"\r\n\r\n")
        self.assertRegex(head, rb"\AHTTP/1\.1 (200|302|400|404) ")
        self.assertIn(b"\r\nX-Content-Type-Options: nosniff", head)
        self.assertNotIn(SECRET.encode(), answer)
        if head.startswith(b"HTTP/1.1 200 "):
            self.assertIn(body.decode(), SERVED.values())
