"""Sessions hibernate again, and take no more memory, whatever has asked them from outside."""

from collections.abc import Coroutine

from twisted.internet.defer import Deferred
from twisted.trial.unittest import TestCase

from ecm.link.events import Answered
from ecm.tools.demo.plan import DOMAIN
from testkit.bosh_client import CLIENT, ROSTER, SM, http_client
from testkit.erlang_shell import ErlangShell
from testkit.link_peer import HOST, EcmEnd
from testkit.link_user import PASSWORD, RESOURCE, LinkUser, accounts
from testkit.listeners import ADMIN
from testkit.private_ejabberd import running_ejabberd
from testkit.session_probe import COUNT_NO_WAKE_UPS, COUNT_WAKE_UPS, at_rest, each, memory
from testkit.stanzas import message

NAMES = [f"sleeper-{number}" for number in range(20)]
ALL = len(NAMES)

# The first has a contact, the second has stream management, and the last two are kicked.
FIRST, MANAGED = NAMES[:2]
KICKED, OUSTED = NAMES[-2:]
FRIEND = "friend"

# Bytes that a process may take for delivered stanzas: the last answer, which may be asked for
# again, and what ejabberd keeps of a presence.
STANZAS = 512

# Commands of ejabberdctl that change nothing, and how many sessions at least wake up for them.
READING = [
    (("connected_users_info",), ALL),
    (("connected_users_vhost", DOMAIN), 0),
    (("user_sessions_info", FIRST, DOMAIN), 1),
    (("user_resources", FIRST, DOMAIN), 0),
    (("get_presence", FIRST, DOMAIN), 1),
    (("num_resources", FIRST, DOMAIN), 0),
    (("resource_num", FIRST, DOMAIN, "1"), 0),
    (("status_list", "available"), 0),
    (("status_list_host", DOMAIN, "available"), 0),
    (("gc",), 0),
]

# Commands by which one session gets a stanza or another state.
CHANGING = [
    ("set_presence", FIRST, DOMAIN, RESOURCE, "available", "dnd", "busy", "5"),
    ("send_message", "chat", FRIEND, f"{FIRST}@{DOMAIN}/{RESOURCE}", "subject", "text"),
    ("send_message", "chat", FRIEND, f"{MANAGED}@{DOMAIN}/{RESOURCE}", "subject", "text"),
    ("send_stanza_c2s", FIRST, DOMAIN, RESOURCE, f"<message to='{MANAGED}@{DOMAIN}'/>"),
    ("send_stanza", f"{FRIEND}@{DOMAIN}", f"{FIRST}@{DOMAIN}", "<presence type='probe'/>"),
    ("add_rosteritem", FIRST, DOMAIN, MANAGED, DOMAIN, MANAGED, "friends", "none"),
]

# Pages of the host in ejabberd's web administration.
PAGES = ["online-users/", f"user/{FIRST}/", f"user/{FIRST}/roster/"]

# Erlang about each session.
CALLS = [
    "sys:get_state(Session)",
    "sys:get_status(Session)",
    "sys:replace_state(Session, fun(State) -> State end)",
    "sys:suspend(Session), sys:resume(Session)",
    "try gen_server:call(Session, unknown, 50) catch exit:{timeout, _} -> ok end",
    "gen_server:cast(Session, unknown)",
    "Session ! unknown",
    "ejabberd_c2s:get_presence(Session)",
]

_SEND_PINGS = f"""
Options = gen_mod:get_module_opts(<<"{DOMAIN}">>, mod_ping),
gen_mod:update_module(<<"{DOMAIN}">>, mod_ping,
                      Options#{{{{send_pings := {{send}}, ping_interval := 1000}}}})
"""

_SYNC = f"<iq type='get' id='sync' xmlns='{CLIENT}'><query xmlns='{ROSTER}'/></iq>"
_ONLINE = f"<presence xmlns='{CLIENT}'/>"


class SessionAskedTests(TestCase):
    timeout = 120

    async def test_they_hibernate_again_and_chat_goes_on(self) -> None:
        await self.log_in()
        await self.commands()
        await self.pages()
        await self.calls()
        await self.pings()
        await self.stanzas()
        await self.kicks()
        await self.chat()

    async def log_in(self) -> None:
        """All come online, and hibernate."""
        self.ejabberd = running_ejabberd()
        self.shell = ErlangShell.start(self, self.ejabberd.node)
        await self.shell.evaluate(accounts(*NAMES, FRIEND, ADMIN))
        self.link = await EcmEnd.connect(self, self.ejabberd.listeners.port("typed"))
        self.users = {name: LinkUser(self.link, name) for name in NAMES}
        self.friend = LinkUser(self.link, FRIEND)
        self.held: dict[str, Deferred[Answered]] = {}
        for user in self.users.values():
            await user.log_in()
            await synchronize(user, _ONLINE)
        await synchronize(self.users[MANAGED], f"<enable xmlns='{SM}'/>")
        self.addCleanup(self.shell.evaluate, COUNT_NO_WAKE_UPS)
        await self.settle()

    async def commands(self) -> None:
        for command, wakes in READING:
            asked = self.control(*command)
            await self.assert_hibernate_again(" ".join(command), asked, wakes)

    async def pages(self) -> None:
        for page in PAGES:
            await self.assert_hibernate_again(page, self.page(page), 0)

    async def calls(self) -> None:
        for call in CALLS:
            asked = self.evaluate(each(self.jids(), call))
            await self.assert_hibernate_again(call, asked, ALL)

    async def pings(self) -> None:
        ask = f'mod_ping:start_ping(<<"{DOMAIN}">>, Jid)'
        asked = self.evaluate(_SEND_PINGS.format(send="true") + "," + each(self.jids(), ask))
        await self.assert_hibernate_again("pings", asked, ALL, STANZAS)
        end = f'mod_ping:stop_ping(<<"{DOMAIN}">>, Jid)'
        await self.shell.evaluate(_SEND_PINGS.format(send="false") + "," + each(self.jids(), end))
        await self.settle()

    async def stanzas(self) -> None:
        for command in CHANGING:
            asked = self.control(*command)
            await self.assert_hibernate_again(" ".join(command), asked, 1, STANZAS)
        for one, other in ((FIRST, FRIEND), (FRIEND, FIRST)):
            contact = (one, DOMAIN, other, DOMAIN, other, "friends", "both")
            await self.control("add_rosteritem", *contact)
        await self.settle()
        await self.assert_hibernate_again("a contact", self.friend_comes(), 1, STANZAS)

    async def kicks(self) -> None:
        """Those that are left hibernate."""
        for name, command in (
            (KICKED, ("kick_session", KICKED, DOMAIN, RESOURCE, "reason")),
            (OUSTED, ("kick_user", OUSTED, DOMAIN)),
        ):
            del self.users[name]
            await self.assert_hibernate_again(command[0], self.control(*command), 1)
            self.assertIn(b"terminate", (await self.held.pop(name)).body)

    async def chat(self) -> None:
        await synchronize(self.friend, message(self.users[FIRST].jid, "still there?"))
        self.assertIn(b"still there?", (await self.held[FIRST]).body)

    async def assert_hibernate_again(
        self, what: str, asked: Coroutine[object, object, None], wakes: int, more: int = 0
    ) -> None:
        """Assert that all do, without ``more`` bytes each, once so many have been awake."""
        before = self.memory
        await self.shell.evaluate(COUNT_WAKE_UPS)
        await asked
        await self.settle(wakes)
        for name, size in self.memory.items():
            self.assertLessEqual(size, before[name] + more, f"{name} after {what}")

    async def settle(self, wakes: int = 0) -> None:
        """Wait until all hibernate, with a request held for each."""
        await self.look(wakes)
        while missing := [name for name in self.users if not self.is_held(name)]:
            for name in missing:
                self.held[name] = self.users[name].ask()
            await self.link.numbers()  # its sessions have got the requests that came before
            await self.look()

    def is_held(self, name: str) -> bool:
        return name in self.held and not self.held[name].called

    async def look(self, wakes: int = 0) -> None:
        found = await self.shell.evaluate(at_rest(self.jids(), wakes))
        self.memory = dict(zip(self.users, memory(found, wakes), strict=True))

    def jids(self) -> list[str]:
        return [user.jid for user in self.users.values()]

    async def control(self, *command: str) -> None:
        await self.ejabberd.control(*command)

    async def evaluate(self, expressions: str) -> None:
        await self.shell.evaluate(expressions)

    async def page(self, path: str) -> None:
        port = self.ejabberd.listeners.port("admin")
        url = f"http://{HOST}:{port}/admin/server/{DOMAIN}/{path}"
        response = await http_client(self).get(url, auth=(f"{ADMIN}@{DOMAIN}", PASSWORD))
        self.assertIn(FIRST, await response.text())

    async def friend_comes(self) -> None:
        await self.friend.log_in()
        await synchronize(self.friend, _ONLINE)


async def synchronize(user: LinkUser, payload: str) -> None:
    """Have a user say something, and wait until ejabberd has handled it."""
    answer = await user.ask(payload + _SYNC)
    while b"sync" not in answer.body:
        answer = await user.ask()
