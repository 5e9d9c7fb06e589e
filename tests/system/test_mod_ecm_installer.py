"""mod_ecm and the tools of ejabberd for modules, on a private ejabberd that does not know it."""

import os
import re
import shutil
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import replace
from typing import Any
from unittest import SkipTest

from twisted.internet.utils import getProcessOutputAndValue
from twisted.trial.unittest import TestCase

from ecm.tools.demo.folder import work_folder
from ecm.tools.demo.plan import DOMAIN
from ecm.tools.ejabberd import installation
from ecm.tools.ejabberd.configuration import LOOPBACK, configuration, listener, without_options
from ecm.tools.ejabberd.node import Node
from ecm.tools.ports import free_port
from testkit.erlang_shell import ErlangShell
from testkit.link_peer import EcmEnd
from testkit.link_user import LinkUser, accounts
from testkit.paths import CHECKOUT
from testkit.process import start
from testkit.resuming_end import ResumingEnd
from testkit.servers.process import Process

_MOD_ECM = CHECKOUT / "erlang_stub" / "mod_ecm"

_MODULES = without_options("mod_admin_extra", "mod_roster")

_IS_LOADED = f'gen_mod:is_loaded(<<"{DOMAIN}">>, mod_ecm)'

# From ejabberd, between the removal of the former module and the installation of the new one.
_NOT_KNOWN = "Configuration reload aborted: Invalid value of option listen->1->module: "

# From Erlang's distribution, when an ejabberdctl has gone before it was told that it is connected.
_CONNECTION = "Cannot get connection id for node"

# From mod_ecm, where the installed code is not what runs.
_FORMER_CODE = "mod_ecm was upgraded, and runs its former code until ejabberd is restarted"

# The modules of mod_ecm that would be loaded from the new code.
_NOT_LOADED = """
    [File || File <- filelib:wildcard("ecm_*.beam", filename:dirname(code:which(mod_ecm))),
             code:is_loaded(list_to_atom(filename:basename(File, ".beam"))) =:= false]"""

_WRITE_LOG = """
    [logger_std_h:filesync(Id)
     || #{id := Id, module := logger_std_h} <- logger:get_handler_config()]"""

_RELOADED = "Configuration reloaded successfully"

_PRESENCE = "<presence xmlns='jabber:client'/>"

# A constant of a module that is loaded, in place of which another one stands in the upgrade.
_UPGRADED = ("ecm_sup.erl", "-define(INTENSITY, 10).", "-define(INTENSITY, 11).")

# The code of that module that runs.
_CODE = "ecm_sup:module_info(md5)"


class InstallerTestCase(TestCase):
    """``sources`` has the module, and ``modules_d`` configurations in place of those of modules."""

    timeout = 240

    def setUp(self) -> None:
        resources = self.enterContext(ExitStack())
        self.folder = resources.enter_context(work_folder(None))
        self.port = free_port()
        contributed = self.folder.path / "contributed"
        self.sources = contributed / "sources" / "mod_ecm"
        shutil.copytree(_MOD_ECM, self.sources, ignore=shutil.ignore_patterns("test"))
        self.modules_d = self.folder.path / "modules.d"
        self.modules_d.mkdir()
        self.node = Node(
            self.folder.ejabberd,
            self.folder.logs,
            installation.find(),
            free_port(),
            environment={
                "CONTRIB_MODULES_PATH": str(contributed),
                "CONTRIB_MODULES_CONF_DIR": str(self.modules_d),
            },
        )
        self.node.write_ejabberdctl(self.folder.ejabberdctl)
        self.process = resources.enter_context(ExitStack())

    def write(
        self, *listeners: Mapping[str, Any], modules: Mapping[str, Any] = _MODULES, **options: Any
    ) -> None:
        """Write ejabberd.yml. ejabberd wants some names without quotes, as operators write them."""
        hosts = [DOMAIN, "other.localhost"]
        self.node.write(configuration(hosts, listeners, modules, **options))
        written = self.folder.ejabberd / "ejabberd.yml"
        written.write_text(re.sub(r'"(mod_ecm|ECM_IP|ECM_PORT)"', r"\1", written.read_text()))

    def start(self) -> None:
        process = self.process.enter_context(Process.of(self.node.process()))
        self.addCleanup(process.kill)  # which takes no second
        process.wait_until_ready()
        self.shell = ErlangShell.start(self, self.node)

    def stop(self) -> None:
        self.process.close()

    async def control(self, *command: str) -> str:
        """Run a command of ejabberdctl, which succeeds. Returns what it says."""
        output, errors, status = await getProcessOutputAndValue(
            str(self.folder.ejabberdctl), command, dict(os.environ)
        )
        self.assertEqual((status, errors), (0, b""), output)
        return str(output.decode())

    async def log_in(self) -> LinkUser:
        """Let somebody log in over a new link."""
        await self.shell.evaluate(accounts("romeo"))
        romeo = LinkUser(await EcmEnd.connect(self, self.port), "romeo")
        await romeo.log_in()
        return romeo

    async def assert_goes_on(self, user: LinkUser) -> None:
        self.assertIn(b"<presence", (await user.ask(_PRESENCE)).body)

    async def broken(self) -> tuple[LinkUser, ResumingEnd]:
        """Let somebody log in over a new link that resumes, and break its connection."""
        await self.shell.evaluate(accounts("juliet"))
        link = await ResumingEnd.connect(self, self.port)
        juliet = LinkUser(link, "juliet")
        await juliet.log_in()
        await link.hang_up()
        return juliet, link

    async def leave(self, user: LinkUser) -> None:
        """End a session and its link: nobody loads a module while ejabberd writes one."""
        await user.ask(type="terminate")
        await user.link.hang_up()

    def listener(self) -> dict[str, Any]:
        return listener("mod_ecm", self.port)

    def write_shipped_configuration(self) -> None:
        """Write modules.d/mod_ecm.yml as the shipped file says, with a free port and no secret."""
        text = re.sub("^#", "", (self.sources / "conf" / "mod_ecm.yml").read_text(), flags=re.M)
        secret = '    secret_file: "/var/lib/ejabberd/ecm-secret"\n'
        assert "port: 5290\n" in text and secret in text
        text = text.replace("port: 5290\n", f"port: {self.port}\n").replace(secret, "")
        (self.modules_d / "mod_ecm.yml").write_text(text)

    def replace_sources(self) -> None:
        """Put another version of the module in the place of its sources."""
        file, former, now = _UPGRADED
        source = self.sources / "src" / file
        assert former in source.read_text()
        source.write_text(source.read_text().replace(former, now))

    async def problems(self) -> list[str]:
        """Return the errors in ejabberd's log, each with all its lines."""
        found = re.findall(r"\[(?:error|critical)\] .*(?:\n[^0-9\n].*)*", await self.log())
        return [each for each in found if _CONNECTION not in each]

    async def log(self) -> str:
        """Return ejabberd's log, which it writes a moment later unless it is told to write it."""
        await self.shell.evaluate(_WRITE_LOG)
        return (self.folder.logs / "ejabberd.log").read_text()


class CommandTests(InstallerTestCase):
    """The module is checked, installed, upgraded, uninstalled, and installed again."""

    def setUp(self) -> None:
        super().setUp()
        self.write()
        self.start()

    async def install(self) -> None:
        await self.control("module_install", "mod_ecm")
        self.write_shipped_configuration()
        await self.control("reload_config")

    async def test_the_check_misses_nothing(self) -> None:
        await self.control("module_check", "mod_ecm")
        self.assertEqual(await self.control("modules_installed"), "")
        self.assertEqual(await self.problems(), [])

    async def test_it_listens_where_the_operator_says(self) -> None:
        """Installed alone, it does nothing yet. Its file, all in comments, is no error."""
        await self.control("module_install", "mod_ecm")
        self.assertEqual(await self.shell.evaluate("ejabberd_option:listen()"), "[]")
        self.assertIn("mod_ecm", await self.control("modules_installed"))
        self.write(self.listener())
        await self.control("reload_config")
        await self.log_in()
        self.assertEqual(await self.problems(), [])

    async def test_ejabberd_documents_it(self) -> None:
        """The source of the manual page; another program would make the page of it."""
        await self.control("module_install", "mod_ecm")
        await self.shell.evaluate("ejabberd_doc:man()")
        manual = (self.folder.ejabberd / "ejabberd.yml.5.txt").read_text()
        self.assertIn("[[mod_ecm]]", manual)
        self.assertIn("Neither 'mod_bosh' nor another listener is needed", manual)
        tags = self.folder.path / "tags.md"
        await self.control("gen_markdown_doc_for_tags", str(tags))
        self.assertIn("connected_users", tags.read_text())
        self.assertEqual(await self.problems(), [])

    async def test_it_comes_and_goes(self) -> None:
        await self.install()
        self.assertEqual(await self.shell.evaluate(_IS_LOADED), "true")
        romeo = await self.log_in()
        await self.control("restart_module", DOMAIN, "mod_ecm")
        await self.control("reload_config")
        await self.assert_goes_on(romeo)
        await self.leave(romeo)
        juliet, kept = await self.broken()
        (self.modules_d / "mod_ecm.yml").unlink()
        await self.control("reload_config")
        await self.control("module_uninstall", "mod_ecm")
        self.assertEqual(await self.shell.evaluate(_IS_LOADED), "false")
        await self.install()
        await self.log_in()
        await kept.resume()
        self.assertEqual(len(set(kept.tokens)), 1)
        await self.assert_goes_on(juliet)
        self.assertEqual(await self.problems(), [])

    async def test_an_upgrade_lets_links_and_sessions_go_on(self) -> None:
        await self.install()
        self.assertEqual(await self.shell.evaluate(_NOT_LOADED), "[]")
        romeo = await self.log_in()
        await self.control("module_upgrade", "mod_ecm")
        await self.assert_goes_on(romeo)
        await self.leave(romeo)
        await self.log_in()
        [problem] = await self.problems()
        self.assertIn(_NOT_KNOWN, problem)
        self.assertNotIn(_FORMER_CODE, await self.log())

    async def test_an_upgrade_says_that_the_former_code_runs(self) -> None:
        await self.install()
        romeo = await self.log_in()
        juliet, kept = await self.broken()
        self.replace_sources()
        await self.control("module_upgrade", "mod_ecm")
        self.assertIn(_FORMER_CODE, await self.log())
        await self.assert_goes_on(romeo)
        await kept.resume()
        self.assertEqual(len(set(kept.tokens)), 1)
        await self.assert_goes_on(juliet)
        await self.log_in()


class BootTests(InstallerTestCase):
    """``install_contrib_modules`` installs the module when ejabberd starts, as in a container."""

    def setUp(self) -> None:
        if tuple(map(int, installation.find().version.split(".")[:2])) < (23, 10):
            raise SkipTest("install_contrib_modules is new in ejabberd 23.10")
        super().setUp()

    async def assert_boots(self, *listeners: Mapping[str, Any], **options: Any) -> None:
        """Start ejabberd twice; each time somebody logs in."""
        self.write(*listeners, install_contrib_modules=["mod_ecm"], **options)
        self.start()
        romeo = await self.log_in()
        await self.reloaded()
        await self.assert_goes_on(romeo)
        await self.leave(romeo)
        self.stop()
        self.start()
        await self.log_in()
        self.assertEqual(await self.problems(), [])

    async def reloaded(self) -> None:
        """Wait for the reload that follows an installation after five seconds."""
        log = str(self.folder.logs / "ejabberd.log")
        tail = start(self, "/usr/bin/tail", "--bytes=+1", "-F", log)
        await tail.printed(_RELOADED)

    async def test_the_listener_is_in_the_configuration(self) -> None:
        await self.assert_boots(self.listener())

    async def test_the_module_is_in_the_configuration_too(self) -> None:
        await self.assert_boots(self.listener(), modules={**_MODULES, "mod_ecm": {}})

    async def test_the_listener_is_in_the_folder_for_modules(self) -> None:
        self.write_shipped_configuration()
        await self.assert_boots()

    async def test_address_and_port_come_from_the_environment(self) -> None:
        self.node = replace(
            self.node,
            environment={
                **self.node.environment,
                "EJABBERD_MACRO_ECM_IP": f'"{LOOPBACK}"',
                "EJABBERD_MACRO_ECM_PORT": str(self.port),
            },
        )
        await self.assert_boots({"module": "mod_ecm", "ip": "ECM_IP", "port": "ECM_PORT"})

    async def test_an_upgrade_needs_the_removal_of_what_is_installed(self) -> None:
        self.write(self.listener(), install_contrib_modules=["mod_ecm"])
        self.start()
        former = await self.shell.evaluate(_CODE)
        await self.reloaded()
        self.stop()
        self.replace_sources()
        self.start()
        self.assertEqual(await self.shell.evaluate(_CODE), former)
        self.stop()
        shutil.rmtree(self.sources.parents[1] / "mod_ecm")
        self.start()
        self.assertNotEqual(await self.shell.evaluate(_CODE), former)
        await self.log_in()
        self.assertEqual(await self.problems(), [])

    async def test_there_is_no_listener(self) -> None:
        """ejabberd starts, and starts again; mod_ecm waits for its configuration."""
        self.write(install_contrib_modules=["mod_ecm"])
        self.start()
        await self.reloaded()
        self.stop()
        self.start()
        self.assertIn("mod_ecm", await self.control("modules_installed"))
        self.assertEqual(await self.shell.evaluate("ejabberd_option:listen()"), "[]")
        self.write(self.listener(), install_contrib_modules=["mod_ecm"])
        await self.control("reload_config")
        await self.log_in()
        self.assertEqual(await self.problems(), [])
