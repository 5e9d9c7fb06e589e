"""ECM itself, as the demo starts it."""

import os
import sys
from pathlib import Path

from ecm.tools.demo import probe
from ecm.tools.demo.plan import Plan
from ecm.tools.ports import HOST
from ecm.tools.process import Process


def prepare(plan: Plan) -> Process:
    """ECM, ready to be started: the page in front, mod_ecm behind it."""
    return Process(
        name="ECM",
        command=[
            str(Path(sys.executable).with_name("twistd")),
            *("-n", "--pidfile=", "ecm"),
            *("--listen", f"tcp:{plan.page_port}:interface={HOST}"),
            *("--upstream", f"tcp:{plan.link}"),
            *("--link-secret-file", str(plan.folder.link_secret)),
            *("--www", str(plan.folder.www)),
            # Ejabberd is stopped next: no answer is worth waiting for.
            *("--drain-timeout", "0"),
        ],
        log=plan.folder.logs / "ecm.log",
        cwd=plan.folder.path,
        environment=os.environ,
        ready=lambda _: probe.serves(plan.page_port),
    )
