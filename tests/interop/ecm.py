"""An ECM of the test's own, beside the stack's, over a link of its own to the same ejabberd."""

from twisted.trial.unittest import TestCase

from testkit.process import script
from testkit.process import start as start_process
from testkit.stack import Stack


async def start(test: TestCase, stack: Stack, *arguments: str) -> str:
    """Start ECM on a free port, until the test ends; return its URL."""
    command = (script("twistd"), "-n", "--pidfile=", "ecm", "--upstream", f"tcp:{stack.link}")
    options = ("--listen", "tcp:0:interface=127.0.0.1", "--link-secret-file", stack.secret)
    process = start_process(test, *command, *options, *arguments)
    port = (await process.printed(r"FrontendFactory starting on ([0-9]+)"))[1]
    await process.printed("link up")
    return f"http://127.0.0.1:{port}"
