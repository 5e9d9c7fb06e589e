"""The documents that tell clients of BOSH and WebSocket, and how they are served."""

import json
from typing import Any
from xml.etree.ElementTree import fromstring

import attrs
from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import TestCase

from ecm.frontend.settings import FrontendSettings
from ecm.http.host_meta import as_json, as_xml, links
from ecm.link.settings import LinkSettings
from testkit.in_memory import PLAIN, TYPED, Joined

BOSH = "urn:xmpp:alt-connections:xbosh"
WEBSOCKET = "urn:xmpp:alt-connections:websocket"
XRD = "{http://docs.oasis-open.org/ns/xri/xrd-1.0}"

HERE = FrontendSettings(host_meta="https://chat.example")


def in_xml(document: bytes) -> dict[str, str]:
    found = fromstring(document)
    assert found.tag == f"{XRD}XRD"
    return {link.attrib["rel"]: link.attrib["href"] for link in found.iter(f"{XRD}Link")}


def in_json(document: bytes) -> dict[str, str]:
    found: dict[str, Any] = json.loads(document)
    return {link["rel"]: link["href"] for link in found["links"]}


class DocumentTests(TestCase):
    def test_encrypted_and_not(self) -> None:
        for origin, websocket in (
            ("https://chat.example", "wss://chat.example/ws"),
            ("http://[::1]:7080", "ws://[::1]:7080/ws"),
        ):
            found = links(origin, b"/bosh", b"/ws")
            self.assertEqual(found, {WEBSOCKET: websocket, BOSH: f"{origin}/bosh"})

    def test_the_root(self) -> None:
        self.assertEqual(links("https://a", b"", None), {BOSH: "https://a/"})

    def test_the_forms_that_are_published(self) -> None:
        found = {BOSH: "https://a/b"}
        self.assertEqual(
            as_xml(found),
            b"<?xml version='1.0' encoding='utf-8'?>\n"
            b"<XRD xmlns='http://docs.oasis-open.org/ns/xri/xrd-1.0'>\n"
            b'  <Link rel="urn:xmpp:alt-connections:xbosh" href="https://a/b"/>\n'
            b"</XRD>\n",
        )
        self.assertEqual(
            as_json(found),
            b'{\n  "links": [\n    {\n      "rel": "urn:xmpp:alt-connections:xbosh",\n'
            b'      "href": "https://a/b"\n    }\n  ]\n}\n',
        )

    @given(st.binary().map(lambda rest: b"/" + rest), st.binary().map(lambda rest: b"/" + rest))
    def test_any_path_is_the_same_in_both_forms(self, bosh: bytes, websocket: bytes) -> None:
        found = links("https://chat.example", bosh, websocket)
        self.assertEqual(in_xml(as_xml(found)), found)
        self.assertEqual(in_json(as_json(found)), found)


class ServedTests(TestCase):
    def ask(
        self,
        path: str = "/.well-known/host-meta",
        method: str = "GET",
        settings: FrontendSettings = HERE,
        link: LinkSettings = TYPED,
    ) -> tuple[bytes, bytes]:
        """Return the head and the body of a response."""
        client = Joined(settings=settings, link=link, linked=False).client()
        answer = client.send(f"{method} {path} HTTP/1.1\r\nHost: evil.example\r\n\r\n".encode())
        head, _, body = answer.partition(b"\r\n\r\n")
        return head, body

    def test_pages_of_all_origins_read_both_forms(self) -> None:
        settings = attrs.evolve(HERE, paths=(b"/b", b"/b/", b"/a"), websocket_paths=(b"/w", b"/v"))
        expected = {WEBSOCKET: "wss://chat.example/w", BOSH: "https://chat.example/b"}
        for suffix, read, kind in (
            ("", in_xml, b"application/xrd+xml; charset=utf-8"),
            (".json", in_json, b"application/json"),
        ):
            head, body = self.ask(f"/.well-known/host-meta{suffix}", settings=settings)
            self.assertEqual(read(body), expected)
            self.assertTrue(head.startswith(b"HTTP/1.1 200 OK\r\n"), head)
            self.assertIn(b"\r\nContent-Type: %b\r\n" % kind, head)
            self.assertIn(b"\r\nAccess-Control-Allow-Origin: *\r\n", head)

    def test_only_what_is_served_is_told(self) -> None:
        both = attrs.evolve(HERE, paths=(b"/ws",), websocket_paths=(b"/ws", b"/v"))
        one = attrs.evolve(HERE, websocket_paths=(b"/bosh",))
        for settings, link, expected in (
            (HERE, TYPED, {WEBSOCKET: "wss://chat.example/ws", BOSH: "/http-bind"}),
            (HERE, PLAIN, {BOSH: "/http-bind"}),
            (HERE, attrs.evolve(TYPED, stream_window=0), {BOSH: "/http-bind"}),
            (both, TYPED, {WEBSOCKET: "wss://chat.example/v", BOSH: "/ws"}),
            (one, TYPED, {BOSH: "/http-bind"}),
        ):
            expected = expected | {BOSH: f"https://chat.example{expected[BOSH]}"}
            self.assertEqual(in_xml(self.ask(settings=settings, link=link)[1]), expected)

    def test_head_and_other_methods(self) -> None:
        length = len(self.ask()[1])
        head, body = self.ask(method="HEAD")
        self.assertEqual(body, b"")
        self.assertTrue(head.endswith(b"\r\nContent-Length: %d" % length), head)
        head, body = self.ask(method="DELETE")
        self.assertTrue(head.startswith(b"HTTP/1.1 405 Method Not Allowed\r\n"), head)
        self.assertIn(b"\r\nAllow: GET, HEAD\r\n", head)

    def test_without_the_option_there_is_nothing(self) -> None:
        head, _ = self.ask(settings=FrontendSettings())
        self.assertTrue(head.startswith(b"HTTP/1.1 404 Not Found\r\n"), head)
