"""``twistd ecm`` with an --upstream for each of several nodes."""

from testkit.ecm_process import EcmTestCase, Ejabberd


class Node(Ejabberd):
    """Names itself in its answers."""

    def answer_to(self, body: bytes) -> bytes:
        return self.endpoint.encode()


class SeveralNodesTests(EcmTestCase):
    async def test_newcomers_go_to_all_and_a_node_that_goes_is_missed_by_nobody(self) -> None:
        nodes = [await Node.start(self) for _ in range(3)]
        endpoints = [node.endpoint for node in nodes]
        ecm = await self.start(*[text for each in endpoints for text in ("--upstream", each)])
        self.assertIn(f"for ejabberd at {' '.join(endpoints)}", ecm.output)
        await ecm.printed("(?s)(link up: typed.*){3}")
        everybody = {each.encode() for each in endpoints}
        self.assertEqual(await self.answers(60), everybody)
        nodes[1].hang_up()
        await ecm.printed("link to ejabberd@chat down")
        self.assertLessEqual(await self.answers(20), everybody)

    async def test_a_name_is_looked_up(self) -> None:
        node = await Node.start(self)
        upstream = node.endpoint.replace("tcp:127.0.0.1", "dns:tcp:localhost")
        ecm = await self.start("--upstream", upstream)
        await ecm.printed(f"{upstream}: node at {node.endpoint} found")
        await ecm.printed("link up: typed")
        self.assertEqual(await self.answers(3), {node.endpoint.encode()})

    async def test_a_name_that_nobody_knows_is_logged_and_looked_up_again(self) -> None:
        ecm = await self.start("--upstream", "dns:tcp:no.such.invalid:1", "--queue-timeout", "0")
        await ecm.printed("stay as they are: no address of no.such.invalid is known")
        self.assertEqual((await self.post("/http-bind", b"<body/>"))[0], 503)

    async def answers(self, number: int) -> set[bytes]:
        """Ask as so many newcomers, each of whom is answered 200."""
        got = [await self.post("/http-bind", b"<body/>") for _ in range(number)]
        self.assertEqual({status for status, _ in got}, {200})
        return {body for _, body in got}
