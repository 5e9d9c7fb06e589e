"""Users of a real ejabberd who write to each other, and the account of what they have to get."""

import json
from collections import Counter
from collections.abc import Iterable

import attrs
from twisted.trial.unittest import TestCase

from ecm.tools.demo.plan import DOMAIN
from testkit.bosh_client import CLIENT
from testkit.erlang_shell import ErlangShell
from testkit.flaky_client import FlakyClient, Request
from testkit.link_peer import EcmEnd
from testkit.link_user import RESOURCE, LinkUser, accounts
from testkit.listeners import Listeners
from testkit.private_ejabberd import PrivateEjabberd
from testkit.session_probe import until_ended
from testkit.stanzas import message

ONLINE = f"<presence xmlns='{CLIENT}'/>"
OFFLINE = f"<presence xmlns='{CLIENT}' type='unavailable'/>"

# A link to each of these; and for sessions that begin there, how many requests are held.
LISTENERS = {"typed": 1, "brief": 2}

# The texts in offline storage, as a list of binaries.
_STORED = """
[fxml:get_path_s(xmpp:encode(Stanza), [{{elem, <<"body">>}}, cdata])
 || Stanza <- mod_offline:get_offline_els(<<"{user}">>, <<"{host}">>)]
"""

_REMOVE = 'lists:foreach(fun(User) -> ejabberd_auth:remove_user(User, <<"{host}">>) end, [{users}])'


@attrs.define(eq=False)
class Sent:
    """A message, and the request that it is in."""

    text: str
    sender: "Member"
    receiver: "Member"
    client: FlakyClient
    request: Request

    @property
    def is_certain(self) -> bool:
        """True if the session of the sender is known to have taken it."""
        return self.request.rid <= self.client.taken


@attrs.define(eq=False)
class Member:
    """A user, who logs in again and again with the same resource.

    ``got`` are the texts of sessions that are over. ``may_come_again``: it is not known whether the
    session knew that its client had them.
    """

    name: str
    listener: str
    client: FlakyClient | None = None
    past: list[FlakyClient] = attrs.field(factory=list)
    got: list[str] = attrs.field(factory=list)
    may_come_again: Counter[str] = attrs.field(factory=Counter)

    @property
    def jid(self) -> str:
        """The full JID: ejabberd_sm reads the sessions of a bare one twice, and drops a message
        whose receiver goes in between."""
        return f"{self.name}@{DOMAIN}/{RESOURCE}"

    def gone(self) -> None:
        """The session is over, or will never hear of its client again.

        What its client has confirmed it has got. The rest comes again, and counts then.
        """
        assert self.client is not None
        client, self.client = self.client, None
        certain = client.acknowledged(client.taken)
        perhaps = [*client.texts(certain + 1, client.acknowledged(client.user.session.rid))]
        self.past.append(client)
        self.got += [*client.texts(0, certain), *perhaps]
        self.may_come_again.update(perhaps)

    def texts(self) -> list[str]:
        """All that has come."""
        now = self.client.texts(0, self.client.user.session.rid) if self.client else ()
        return [*self.got, *now]


class Crowd:
    """The node, the links to it, and how its users come and go."""

    def __init__(self, test: TestCase, ejabberd: PrivateEjabberd) -> None:
        self.links: list[EcmEnd] = []
        self.shell = ErlangShell.start(test, ejabberd.node)
        self._listeners: Listeners = ejabberd.listeners
        self._test = test
        self._born = 0

    async def connect(self) -> None:
        self.links = [await self._link(name) for name in LISTENERS]

    async def _link(self, listener: str) -> EcmEnd:
        return await EcmEnd.connect(self._test, self._listeners.port(listener))

    async def cut(self, which: int) -> None:
        """Cut a link in the middle of whatever it carries, and connect again."""
        await self.links[which].hang_up()
        self.links[which] = await self._link([*LISTENERS][which])

    async def give_birth(self, number: int) -> list[Member]:
        """Return new users, with new accounts."""
        first, self._born = self._born, self._born + number
        members = [
            Member(f"crowd-{first + each}", [*LISTENERS][each % len(LISTENERS)])
            for each in range(number)
        ]
        await self.shell.evaluate(accounts(*(member.name for member in members)))
        return members

    async def bury(self, members: Iterable[Member]) -> None:
        """Remove the accounts."""
        users = ", ".join(f'<<"{member.name}">>' for member in members)
        await self.shell.evaluate(_REMOVE.format(users=users, host=DOMAIN))

    async def present(self, member: Member, link: EcmEnd) -> FlakyClient:
        """Return the client of a user, who logs in if needed. It can make another request."""
        client = member.client or await self.log_in(member)
        await client.make_room(link)
        if not client.over:
            return client
        member.gone()
        return await self.present(member, link)

    async def log_in(self, member: Member) -> FlakyClient:
        """Log in and come online. A session that the user still has is ended by that."""
        link = self.links[[*LISTENERS].index(member.listener)]
        hold = LISTENERS[member.listener]
        user = LinkUser(link, member.name)
        await user.log_in(hold=hold)
        member.client = FlakyClient(user, window=hold + 1)
        await member.client.ask(link, ONLINE)
        return member.client

    def say(
        self, sender: Member, receiver: Member, client: FlakyClient, texts: list[str]
    ) -> list[Sent]:
        """Make a request with messages, and do not send it."""
        request = client.new("".join(message(receiver.jid, text) for text in texts))
        return [Sent(text, sender, receiver, client, request) for text in texts]

    async def arrive(self) -> list[EcmEnd]:
        """Return the links, once all has come to the sessions that was sent on them."""
        links = [*self.links]
        for link in links:
            _, refused = link.ask(b"<body sid='of nobody'/>")  # by the link, when its turn comes
            await refused
        return links

    async def settle(self, client: FlakyClient) -> None:
        """Wait until all has come to its session that its client has sent."""
        client.arrived(await self.arrive())

    async def leave(self, member: Member, link: EcmEnd) -> None:
        """Say goodbye."""
        client = await self.present(member, link)
        client.repeat_lost(link)
        goodbye = await client.ask(link, OFFLINE, type="terminate")
        await client.answer(goodbye, link)
        await self.settle(client)
        member.gone()

    async def vanish(self, member: Member, link: EcmEnd) -> None:
        """Go for good, as a machine does that is switched off."""
        client = await self.present(member, link)
        client.close()
        await self.settle(client)
        member.gone()

    async def sin(self, member: Member, link: EcmEnd) -> None:
        """Break the rules, for which the session is ended."""
        client = await self.present(member, link)
        await self.settle(client)
        client.user.link = link
        await client.user.ask_as(1)
        member.gone()

    async def until_ended(self, clients: Iterable[FlakyClient]) -> None:
        sids = [client.user.session.sid.decode() for client in clients]
        await self.shell.evaluate(until_ended(*sids))

    async def stored(self, member: Member) -> list[str]:
        """The texts that are in offline storage for a user."""
        texts = await self.shell.evaluate(_STORED.format(user=member.name, host=DOMAIN))
        found: list[str] = json.loads(texts.replace("<<", "").replace(">>", ""))
        return found
