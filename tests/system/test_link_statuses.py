"""Answers to malformed requests: a status on typed links, 200 on plain ones."""

from xml.etree.ElementTree import fromstring

from testkit.link_case import LinkTestCase
from testkit.listeners import MAX_REQUEST

NONSENSE = (b"nonsense", b"", b"<body", b"\xff\0" * 100)
TOO_LONG = b"<body>" + bytes(MAX_REQUEST)


class StatusTests(LinkTestCase):
    async def test_a_typed_link_carries_them(self) -> None:
        await self.front("typed")
        for nonsense in NONSENSE:
            await self.assert_answer(nonsense, 400, "bad-request")
        await self.assert_answer(TOO_LONG, 403, "policy-violation")

    async def test_a_plain_link_carries_none(self) -> None:
        await self.front("plain", "--link-mode", "plain")
        for nonsense in NONSENSE:
            await self.assert_answer(nonsense, 200, "bad-request")
        await self.assert_answer(TOO_LONG, 200, "policy-violation")

    async def assert_answer(self, request: bytes, status: int, condition: str) -> None:
        given, body = await self.post("/http-bind", request)
        self.assertEqual(given, status, request[:80])
        attributes = fromstring(body).attrib
        self.assertEqual((attributes["type"], attributes["condition"]), ("terminate", condition))
