"""mod_ecm and the tools of ejabberd for modules, on a private ejabberd that does not know it."""

import os
import shutil
from contextlib import ExitStack
from pathlib import Path

from twisted.internet.utils import getProcessOutputAndValue
from twisted.trial.unittest import TestCase

from ecm.tools.demo.folder import Folder, work_folder
from ecm.tools.demo.plan import DOMAIN
from ecm.tools.ejabberd import installation
from ecm.tools.ejabberd.configuration import configuration, without_options
from ecm.tools.ejabberd.node import Node
from ecm.tools.ports import free_port
from testkit.erlang_shell import ErlangShell
from testkit.link_peer import EcmEnd
from testkit.link_user import LinkUser, accounts
from testkit.paths import CHECKOUT

_MOD_ECM = CHECKOUT / "erlang_stub" / "mod_ecm"

_CONFIGURATION = configuration(
    [DOMAIN, "other.localhost"], [], without_options("mod_admin_extra", "mod_roster")
)

_SECRET_FILE = '    secret_file: "/var/lib/ejabberd/ecm-secret"\n'

_IS_LOADED = f'gen_mod:is_loaded(<<"{DOMAIN}">>, mod_ecm)'


class InstallerTests(TestCase):
    """The module is installed, restarted, uninstalled, and installed again."""

    timeout = 120

    def setUp(self) -> None:
        resources = self.enterContext(ExitStack())
        self.folder = resources.enter_context(work_folder(None))
        self.port = free_port()
        contributed = self.folder.path / "contributed"
        _copy_sources(contributed / "sources" / "mod_ecm", self.port)
        node = _node(self.folder, contributed)
        process = resources.enter_context(node.process())
        process.wait_until_ready()
        self.shell = ErlangShell.start(self, node)

    async def control(self, *command: str) -> None:
        """Run a command of ejabberdctl, which succeeds."""
        output, errors, status = await getProcessOutputAndValue(
            str(self.folder.ejabberdctl), command, dict(os.environ)
        )
        self.assertEqual((status, errors), (0, b""), output)

    async def assert_works(self) -> LinkUser:
        """Let somebody log in over a link."""
        await self.shell.evaluate(accounts("romeo"))
        romeo = LinkUser(await EcmEnd.connect(self, self.port), "romeo")
        await romeo.log_in()
        return romeo

    async def test_the_module_comes_and_goes(self) -> None:
        await self.control("module_install", "mod_ecm")
        self.assertEqual(await self.shell.evaluate(_IS_LOADED), "true")
        romeo = await self.assert_works()
        await self.control("restart_module", DOMAIN, "mod_ecm")
        await self.control("reload_config")
        self.assertIn(b"<presence", (await romeo.ask("<presence xmlns='jabber:client'/>")).body)
        await romeo.ask(type="terminate")
        await romeo.link.hang_up()  # nobody loads a module while the next ones are written
        await self.control("module_uninstall", "mod_ecm")
        self.assertEqual(await self.shell.evaluate(_IS_LOADED), "false")
        await self.control("module_install", "mod_ecm")
        await self.assert_works()
        log = (self.folder.logs / "ejabberd.log").read_text()
        self.assertNotRegex(log, r"\[(error|critical)\]")


def _copy_sources(folder: Path, port: int) -> None:
    """Copy what an operator copies. The listener has a free port, and no secret."""
    shutil.copytree(_MOD_ECM, folder, ignore=shutil.ignore_patterns("test"))
    conf = folder / "conf" / "mod_ecm.yml"
    text = conf.read_text()
    assert "port: 5290\n" in text and _SECRET_FILE in text
    conf.write_text(text.replace("port: 5290\n", f"port: {port}\n").replace(_SECRET_FILE, ""))


def _node(folder: Folder, contributed: Path) -> Node:
    environment = {"CONTRIB_MODULES_PATH": str(contributed)}
    node = Node(
        folder.ejabberd,
        folder.logs,
        installation.find(),
        free_port(),
        environment=environment,
    )
    node.write(_CONFIGURATION)
    node.write_ejabberdctl(folder.ejabberdctl)
    return node
