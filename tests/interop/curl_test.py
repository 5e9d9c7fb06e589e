"""curl: an HTTP client that does all that HTTP allows, and shows what comes back byte by byte."""

from twisted.trial.unittest import TestCase

from testkit.ecm_process import temporary_folder
from testkit.process import start
from testkit.stack import running_stack

# Creates a session. The text that is in it for its size means nothing to BOSH.
BODY = (
    "<body xmlns='http://jabber.org/protocol/httpbind' to='localhost' rid='1' wait='1' hold='1'"
    " ver='1.11' xml:lang='en' xmpp:version='1.0' xmlns:xmpp='urn:xmpp:xbosh'>{}</body>"
)
SMALL = BODY.format("")
CREATED = r"<body [^>]*\bsid='"

# More than a session may send before its login (pre_auth_max_stanza_size). The answer says so only
# if all of it has come through.
LARGE = BODY.format(" " * 200_000)
TOO_LARGE = r"<body [^>]*\bcondition='policy-violation'"


class CurlTests(TestCase):
    def setUp(self) -> None:
        self.url = running_stack().bosh

    async def curl(self, *arguments: str) -> str:
        """Run curl; return what it says of connections and heads, and what contents come."""
        process = start(self, "curl", "--disable", "-s", "-v", *arguments)
        self.assertEqual(await process.ended, 0, process.output)
        return process.output

    async def post(self, body: str, *arguments: str) -> str:
        """The same for a request that creates a session, or is too large for one."""
        file = temporary_folder(self) / "body.xml"
        file.write_text(body)
        said = await self.curl("--data-binary", f"@{file}", *arguments, self.url)
        self.assertIn("< HTTP/1.1 200 OK", said)
        self.assertRegex(said, CREATED if body is SMALL else TOO_LARGE)
        return said

    async def test_http_1_0(self) -> None:
        said = await self.post(SMALL, "--http1.0")
        self.assertIn("< Connection: close", said)

    async def test_http_1_0_with_keep_alive(self) -> None:
        said = await self.post(SMALL, "--http1.0", "-H", "Connection: keep-alive", self.url)
        self.assertIn("Re-using existing connection", said)

    async def test_a_body_that_waits_for_leave(self) -> None:
        said = await self.post(LARGE, "-H", "Expect: 100-continue", "--expect100-timeout", "600")
        self.assertIn("< HTTP/1.1 100 Continue", said)

    async def test_a_body_in_chunks(self) -> None:
        said = await self.post(LARGE, "-H", "Transfer-Encoding: chunked")
        self.assertIn("> Transfer-Encoding: chunked", said)
        self.assertNotIn("> Content-Length", said)

    async def test_two_requests_on_one_connection(self) -> None:
        said = await self.post(SMALL, self.url)
        self.assertIn("Re-using existing connection", said)
        self.assertEqual(said.count("< HTTP/1.1 200 OK"), 2)

    async def test_head(self) -> None:
        said = await self.curl("--head", self.url)
        self.assertRegex(said, r"< HTTP/1\.1 200 OK\r\n(< .+\r\n)*< Content-Length: [1-9]")
        self.assertNotIn("BOSH address", said)  # as the answer to GET says

    async def test_options(self) -> None:
        said = await self.curl(
            *("-X", "OPTIONS", "-H", "Origin: http://chat.example"),
            *("-H", "Access-Control-Request-Method: POST"),
            *("-H", "Access-Control-Request-Headers: content-type", self.url),
        )
        self.assertRegex(said, r"< HTTP/1\.1 20[04] ")
        for header in ("Allow-Origin: *", "Allow-Methods: ", "Allow-Headers: "):
            self.assertIn(f"Access-Control-{header}", said)
