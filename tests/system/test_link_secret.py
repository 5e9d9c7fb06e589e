"""A link with a secret: both ends have to know it, and each says which one does not."""

from twisted.internet import reactor
from twisted.internet.endpoints import clientFromString, connectProtocol

from ecm.link.packet import LINK_ID, encode
from testkit.ecm_process import temporary_folder
from testkit.link_case import LinkTestCase
from testkit.raw_client import RawClient

ADDRESS = "127.0.0.21"  # from where the ECM connects that is refused


class SecretTests(LinkTestCase):
    async def test_both_know_it(self) -> None:
        front = await self.front("secret", "--link-secret-file", self.right_secret())
        await front.process.printed("link up: typed")
        await self.assert_chat_crosses(front)

    async def test_ecm_has_another_one(self) -> None:
        wrong = temporary_folder(self) / "secret"
        wrong.write_text("correct horse battery stapler\n")
        await self.assert_refused(
            "secret", ["--link-secret-file", str(wrong)], "the secret of ejabberd is another one"
        )

    async def test_ecm_has_none(self) -> None:
        await self.assert_refused(
            "secret", [], "ejabberd wants a secret, give it with --link-secret-file"
        )

    async def test_ejabberd_has_none(self) -> None:
        await self.assert_refused(
            "typed",
            ["--link-secret-file", self.right_secret()],
            "ejabberd has no secret: set secret_file for its listener",
        )

    async def test_who_proves_nothing_gets_nothing(self) -> None:
        request = encode(7, b"request\n<body/>")
        await self.assert_impostor_refused(request, "a proof must come before the first request")
        proof = encode(LINK_ID, b"proof " + b"0" * 64)
        await self.assert_impostor_refused(proof + request, "the proof is wrong")

    def right_secret(self) -> str:
        return str(self.ejabberd.listeners.secret_file)

    def upstream(self, listener: str) -> str:
        return f"{self.ejabberd.listeners.upstream(listener)}:bindAddress={ADDRESS}"

    async def assert_refused(self, listener: str, arguments: list[str], why: str) -> None:
        """Neither end has the link, and both say so, with the other's address."""
        upstream = self.upstream(listener)
        front = await self.front_at(upstream, "--queue-timeout", "0", *arguments)
        await front.process.printed(f"no link to ejabberd at {upstream}: {why};")
        await self.log.printed(f"ECM link from {ADDRESS}:[0-9]+ is down: ECM says unproven: ")
        status, _ = await self.post("/http-bind", b"<body/>")
        self.assertEqual(status, 503)
        self.assertNotIn("link up", front.process.output)

    async def assert_impostor_refused(self, packets: bytes, why: str) -> None:
        """A peer that goes on like this after hello gets an error and no answer, and is logged."""
        hello = f"hello version=1 role=ecm instance=x max-packet=4096 nonce={'0' * 32}".encode()
        impostor = RawClient(encode(LINK_ID, hello) + packets)
        await connectProtocol(clientFromString(reactor, self.upstream("secret")), impostor)
        received = await impostor.closed
        self.assertIn(b"|error unproven ", received)
        self.assertNotIn(b"|answer ", received)
        await self.log.printed(f"ECM link from {ADDRESS}:[0-9]+ is down: unproven: {why}")
