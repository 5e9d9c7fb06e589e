"""The ejabberd behind ECM, as the demo starts it."""

import secrets

from ecm.tools import private
from ecm.tools.demo.configuration import demo_configuration
from ecm.tools.demo.plan import Plan
from ecm.tools.ejabberd.installation import Installation
from ecm.tools.ejabberd.node import Node
from ecm.tools.process import Process


def prepare(plan: Plan, installation: Installation) -> Process:
    """Write the files of the node. Returns the node, ready to be started."""
    folder = plan.folder
    node = Node(
        folder.ejabberd, folder.logs, installation, plan.distribution_port, code=[folder.ebin]
    )
    node.write(demo_configuration(plan.link_port), plan.users)
    node.write_ejabberdctl(folder.ejabberdctl)
    private.write_once(folder.link_secret, secrets.token_hex(32))
    return node.process()
