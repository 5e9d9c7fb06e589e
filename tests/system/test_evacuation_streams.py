"""``ecm_evacuate`` closes the streams of a node, whose clients go on at another node."""

from xml.etree.ElementTree import tostring

from ecm.tools.demo.plan import DOMAIN
from ecm.tools.ejabberd.configuration import without_options
from testkit.bosh_client import CLIENT, ROSTER
from testkit.cluster import join, start_nodes
from testkit.erlang_shell import ErlangShell
from testkit.link_user import PASSWORD, accounts
from testkit.stanzas import message
from testkit.stream_client import StreamClient
from testkit.streaming_end import StreamingEnd
from testkit.told_case import TestCase

_ONLINE = f"<presence xmlns='{CLIENT}'/>"

# As ejabberdctl calls it, without its terminal.
_COMMAND = """
group_leader(whereis(user), self()),
{Text, 0} = ejabberd_ctl:process2(["ecm_evacuate", "%s"], []),
unicode:characters_to_binary(Text)
"""

_MODULES = without_options("mod_roster", "mod_offline") | {
    "mod_stream_mgmt": {"resend_on_timeout": "if_offline"}
}

_NAMES = ("romeo", "juliet", "plain")


class EvacuationTests(TestCase):
    timeout = 120

    async def start(self, *names: str) -> None:
        """Have two nodes, and users online on the first one."""
        self.members = start_nodes(self, 2, _MODULES)
        await join(self, self.members)
        self.shells = [ErlangShell.start(self, member.node) for member in self.members]
        self.links = [await StreamingEnd.connect(self, member.link_port) for member in self.members]
        await self.shells[1].evaluate(accounts(*_NAMES))
        self.clients = [await self.online(name, 0) for name in names]

    def stream(self, node: int) -> StreamClient:
        return StreamClient(self.links[node], DOMAIN)

    async def online(self, name: str, node: int) -> StreamClient:
        client = self.stream(node)
        await client.create()
        await client.login(name, PASSWORD)
        client.send(_ONLINE)
        return client

    async def resumed(self, client: StreamClient, stream: str, got: int) -> StreamClient:
        again = self.stream(1)
        await again.create()
        await again.authenticate(client.jid.partition("@")[0], PASSWORD)
        await again.resume(stream, got)
        again.jid = client.jid
        return again

    async def evacuate(self, what: str) -> str:
        return await self.shells[0].evaluate(_COMMAND % what)

    async def test_managed_streams_go_on_at_another_node_and_nobody_sees_it(self) -> None:
        await self.start("romeo", "juliet")
        romeo, juliet = self.clients
        contact = await self.online("plain", 1)
        await contact.receive(lambda element: element.get("from") == contact.jid)
        streams = [await client.manage() for client in (romeo, juliet)]
        juliet.send(f"<presence to='{contact.jid}' xmlns='{CLIENT}'/>", message(contact.jid, "one"))
        self.assertEqual((await contact.message())[1], "one")
        self.assertIn("Closed in the end: 2 streams of ECM", await self.evacuate("list"))
        romeo.send(message(juliet.jid, "one"))
        self.assertEqual((await juliet.message())[1], "one")
        text = await self.evacuate("all")
        self.assertIn("This node is empty: 2 sessions have moved", text)
        self.assertIn("2 streams closed: their clients connect to other nodes.", text)
        ends = [await client.told() for client in self.clients]
        self.assertEqual(ends, [("", "close end status=1012")] * 2)
        contact.send(message(juliet.jid, "two"))
        self.members[0].process.kill()
        romeo = await self.resumed(romeo, streams[0], 0)
        juliet = await self.resumed(juliet, streams[1], 1)
        romeo.send(message(juliet.jid, "three"))
        self.assertEqual([(await juliet.message())[1] for _ in range(2)], ["two", "three"])
        juliet.send(message(contact.jid, "two"))
        next_one = await contact.receive(lambda element: True)
        self.assertEqual(next_one.findtext(f"{{{CLIENT}}}body"), "two", tostring(next_one))
        for client in (romeo, juliet, contact):
            await client.terminate()

    async def test_what_waits_for_others_is_stored_and_comes_once(self) -> None:
        await self.start("romeo", "juliet")
        romeo, juliet = self.clients
        juliet.reads = False
        texts = [f"{number} {'x' * 10_000}" for number in range(20)]
        romeo.send(*(message(juliet.jid, text) for text in texts))
        await romeo.iq("get", f"<query xmlns='{ROSTER}'/>")  # all before is taken
        came = [(await juliet.message())[1] for _ in range(7)]
        waiting = self.stream(0)
        await waiting.create()
        self.assertIn("3 streams closed", await self.evacuate("all"))
        ends = [await client.told() for client in (*self.clients, waiting)]
        self.assertEqual(ends, [("", "close end status=1012")] * 3)
        again = await self.online("juliet", 1)
        came += [(await again.message())[1] for _ in range(len(texts) - len(came))]
        self.assertEqual(came, texts)
        self.assertIn("this node takes sessions again", await self.evacuate("stop"))
        await again.terminate()
