"""``ecm-demo``: the order of the steps."""

import os
import sys
from collections.abc import Sequence

from ecm.tools import ports
from ecm.tools.demo import front, ready_file, site
from ecm.tools.demo.command_line import hide
from ecm.tools.demo.console import greet, say
from ecm.tools.demo.folder import Folder, work_folder
from ecm.tools.demo.options import Options, parse, written
from ecm.tools.demo.plan import Plan
from ecm.tools.ejabberd import debian, mod_ecm_build, node
from ecm.tools.errors import DemoError
from ecm.tools.interrupts import ignore_signals, raise_on_signals
from ecm.tools.supervisor import Supervisor


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the demo until a signal ends it. Returns the exit status."""
    options = parse(arguments)
    _hide_passwords(options)
    os.umask(0o077)  # for all that is written, by its children, too
    raise_on_signals()
    try:
        with work_folder(options.folder) as folder, ready_file.kept(options.ready_file):
            _run(options, folder)
    except KeyboardInterrupt:
        return 0
    except (DemoError, OSError) as error:
        print(f"ecm-demo: {error}", file=sys.stderr)
    return 1


def _hide_passwords(options: Options) -> None:
    try:
        hide(written(options.users))
    except OSError:
        say("other users of this machine can read the command line, and passwords there")


def _run(options: Options, folder: Folder) -> None:
    found = debian.find()
    plan = _plan(options, folder)

    say("compiling mod_ecm")
    mod_ecm_build.compile_into(folder.ebin, found)
    site.fill(folder.www, found.strophe, plan.users)

    ejabberd = node.prepare(plan, found)
    ecm = front.prepare(plan)
    supervisor = Supervisor([ejabberd, ecm], say)
    try:
        supervisor.start()
        ready_file.write(options.ready_file, plan, ecm.pid, ejabberd.pid)
        greet(plan)
        for child in supervisor.restarts():
            ready_file.write(options.ready_file, plan, ecm.pid, ejabberd.pid)
            say(f"{child.name} is up again")
    finally:
        ignore_signals()
        say("stopping")
        supervisor.stop()


def _plan(options: Options, folder: Folder) -> Plan:
    return Plan(
        folder=folder,
        page_port=ports.page_port(options.port),
        link_port=ports.free_port(),
        distribution_port=ports.free_port(),
        users=options.users,
    )
