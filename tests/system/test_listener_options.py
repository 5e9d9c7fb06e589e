"""Options of mod_ecm's listener that are wrong, or change: ejabberd checks them before it acts."""

from typing import Any

from twisted.trial.unittest import TestCase

from testkit.link_peer import EcmEnd
from testkit.link_user import LinkUser
from testkit.own_ejabberd import OwnEjabberd

_PRESENCE = "<presence xmlns='jabber:client'/>"

# What cannot be, with a part of what ejabberd says of it.
_WRONG: tuple[tuple[dict[str, Any], str], ...] = (
    ({"secret_file": "/nowhere/secret"}, "cannot make /nowhere/secret: no such file or directory"),
    ({"ping_interval": 5, "link_timeout": 5}, "must be longer than 'ping_interval'"),
    ({"link_timeout": 5, "ping_interval": 6}, "must be longer than 'ping_interval'"),
    ({"ping_interval": 6, "dead_time": 5}, "must be longer than 'ping_interval'"),
    ({"protocol": "plain", "secret_file": "/nowhere/secret"}, "secret"),
    ({"max_inactivity": 1}, "Expected integer from 2 to 86400, got: 1"),
    ({"max_wait": 1_000_000}, "Expected integer from 1 to 86400, got: 1000000"),
    ({"socket_mode": "0600"}, "'socket_mode' is for a UNIX socket"),
    ({"max_stanza_to_client": 70_000, "max_waiting_size": 60_000}, "must hold a stanza"),
)


class WrongOptionsTests(TestCase):
    timeout = 240

    async def test_ejabberd_refuses_them_and_the_listener_goes_on(self) -> None:
        ejabberd = OwnEjabberd.start(self, "romeo", "juliet")
        romeo = LinkUser(await EcmEnd.connect(self, ejabberd.link_port), "romeo")
        await romeo.log_in()
        short = ejabberd.node.home / "short"
        short.write_text("too short\n")
        for options, text in (*_WRONG, ({"secret_file": str(short)}, "it needs at least 16")):
            ejabberd.configure("romeo", "juliet", link=options)
            said, status = await ejabberd.control("reload_config")
            self.assertNotEqual(status, 0, (options, said))
            self.assertIn(text, said)
        juliet = LinkUser(await EcmEnd.connect(self, ejabberd.link_port), "juliet")
        await juliet.log_in()
        self.assertIn(b"<presence", (await romeo.ask(_PRESENCE)).body)
        self.assertNotIn("mod_ecm does not listen", ejabberd.log)

    async def test_one_of_a_pair_may_be_written_alone(self) -> None:
        ejabberd = OwnEjabberd.start(self, "romeo")
        for options in (
            *({"ping_interval": 10}, {"link_timeout": 3}, {"max_waiting_size": 60_000}),
            {"max_stanza_to_client": 30_000_000},
        ):
            ejabberd.configure("romeo", link=options)
            self.assertEqual((await ejabberd.control("reload_config"))[1], 0, options)
            await EcmEnd.connect(self, ejabberd.link_port)
        self.assertNotIn("mod_ecm does not listen", ejabberd.log)

    async def test_a_listener_whose_options_change_again_and_again_listens(self) -> None:
        ejabberd = OwnEjabberd.start(self, "romeo")
        for number in range(8):  # a link is what makes ejabberd fail to listen at once
            await EcmEnd.connect(self, ejabberd.link_port)
            ejabberd.configure("romeo", link={"max_newcomers": 1000 + number})
            said, status = await ejabberd.control("reload_config")
            self.assertEqual(status, 0, said)
        await EcmEnd.connect(self, ejabberd.link_port)
        self.assertNotIn("mod_ecm does not listen", ejabberd.log)
