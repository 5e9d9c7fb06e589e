"""``ecm-demo``: the order of the steps."""

import os
from collections.abc import Sequence

from ecm.tools.cli import fail, ignore_signals, interrupt_on_signals
from ecm.tools.demo import certificate, ejabberd, front, ready_file, site
from ecm.tools.demo.command_line import hide
from ecm.tools.demo.console import greet, say
from ecm.tools.demo.folder import Folder, work_folder
from ecm.tools.demo.options import Options, parse, written
from ecm.tools.demo.plan import Plan
from ecm.tools.ejabberd import installation, mod_ecm_build
from ecm.tools.errors import ToolError
from ecm.tools.ports import free_port
from ecm.tools.supervisor import Supervisor


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the demo until a signal ends it. Returns the exit status."""
    options = parse(arguments)
    _hide_passwords(options)
    os.umask(0o077)  # for all files, also those of child processes
    interrupt_on_signals()
    try:
        with work_folder(options.folder) as folder, ready_file.kept(options.ready_file):
            _run(options, folder)
    except KeyboardInterrupt:
        pass
    except (ToolError, OSError) as error:
        return fail("ecm-demo", error)
    return 0


def _hide_passwords(options: Options) -> None:
    try:
        hide(written(options.users))
    except OSError:
        say("other users of this machine can read the command line, and passwords there")


def _run(options: Options, folder: Folder) -> None:
    found, strophe = installation.find(options.ejabberd), site.find_strophe()
    plan = _plan(options, folder)

    say("compiling mod_ecm")
    mod_ecm_build.compile_into(folder.ebin, found)
    site.fill(folder.www, strophe, plan.users)
    certificate.make(folder)

    node = ejabberd.prepare(plan, found)
    ecm = front.prepare(plan)
    supervisor = Supervisor([node, ecm], say)
    try:
        supervisor.start()
        ready_file.write(options.ready_file, plan, ecm.pid, node.pid)
        greet(plan)
        for process in supervisor.restarts():
            ready_file.write(options.ready_file, plan, ecm.pid, node.pid)
            say(f"{process.name} is up again")
    finally:
        ignore_signals()
        say("stopping")
        supervisor.stop()


def _plan(options: Options, folder: Folder) -> Plan:
    return Plan(
        folder=folder,
        page_port=front.page_port(options.port),
        xmpp_port=front.xmpp_port(options.xmpp_port),
        link_port=free_port(),
        distribution_port=free_port(),
        users=options.users,
    )
