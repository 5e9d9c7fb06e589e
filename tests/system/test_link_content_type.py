"""The Content-Type of the answers of a session, as its client wants it (XEP-0124, section 7.1)."""

from secrets import randbelow
from xml.etree.ElementTree import fromstring

from treq import content

from ecm.tools.bosh.body import NAMESPACE
from ecm.tools.demo.plan import DOMAIN
from testkit.bosh_client import http_client
from testkit.link_case import LinkTestCase

OTHER = "application/xmpp+xml; charset=utf-8"
USUAL = "text/xml; charset=utf-8"


class ContentTypeTests(LinkTestCase):
    async def test_a_session_has_it_from_its_first_answer_to_its_last(self) -> None:
        await self.begin(OTHER)
        for rest in ("ack='1'/>", "><", "type='terminate'/>"):
            await self.assert_type(OTHER, rest)

    async def test_one_that_is_not_to_be_has_it_too(self) -> None:
        await self.begin(OTHER)
        self.sid = ""
        await self.assert_type(OTHER, f"to='' content='{OTHER}'/>")

    async def test_it_is_the_usual_one_where_a_client_asks_for_nothing_sane(self) -> None:
        await self.begin("a/b&#10;X-Own: header")
        await self.assert_type(USUAL, "/>")

    async def test_it_is_the_usual_one_where_a_browser_would_run_scripts(self) -> None:
        await self.begin("text/html")
        await self.assert_type(USUAL, "/>")

    async def begin(self, asked: str) -> None:
        self.entrance = await self.front("typed")
        self.http = http_client(self)
        self.rid = randbelow(2**32)
        self.sid = ""
        wanted = OTHER if asked == OTHER else USUAL
        begin = f"to='{DOMAIN}' wait='60' hold='0' ver='1.11' content='{asked}'/>"
        self.sid = fromstring(await self.assert_type(wanted, begin)).attrib["sid"]

    async def assert_type(self, expected: str, rest: str) -> bytes:
        self.rid += 1
        sid = f"sid='{self.sid}' " if self.sid else ""
        body = f"<body xmlns='{NAMESPACE}' rid='{self.rid}' {sid}{rest}"
        response = await self.http.post(self.entrance.bosh, data=body.encode())
        self.assertEqual(response.headers.getRawHeaders("Content-Type"), [expected])
        self.assertFalse(response.headers.hasHeader("X-Own"))
        return await content(response)
