"""An ECM of the test's own, beside the stack's, over a link of its own to the same ejabberd."""

from twisted.trial.unittest import TestCase

from testkit.certificates import ServerCertificate
from testkit.process import Process, script
from testkit.process import start as start_process
from testkit.stack import Stack

PLAIN = "tcp:0:interface=127.0.0.1"


async def start(test: TestCase, stack: Stack, *arguments: str) -> str:
    """Start ECM on a free port, until the test ends; return its URL."""
    process = await _linked(test, stack, PLAIN, *arguments)
    port = (await process.printed(r"FrontendFactory starting on ([0-9]+)"))[1]
    return f"http://127.0.0.1:{port}"


async def start_tls(
    test: TestCase, stack: Stack, certificate: ServerCertificate, *arguments: str
) -> str:
    """Start ECM on a free port for https, until the test ends; return its URL."""
    process = await _linked(test, stack, certificate.endpoint(), *arguments)
    port = (await process.printed(r"FrontendFactory \(TLS\) starting on ([0-9]+)"))[1]
    return f"https://localhost:{port}"


async def start_tcp(test: TestCase, stack: Stack, *arguments: str) -> int:
    """Start ECM with a port for XMPP over TCP, until the test ends; return that port."""
    process = await _linked(test, stack, PLAIN, *arguments)
    return int((await process.printed(r"TcpFactory.* starting on ([0-9]+)"))[1])


async def _linked(test: TestCase, stack: Stack, listen: str, *arguments: str) -> Process:
    command = (script("twistd"), "-n", "--pidfile=", "ecm", "--upstream", f"tcp:{stack.link}")
    options = ("--listen", listen, "--link-secret-file", stack.secret)
    process = start_process(test, *command, *options, *arguments)
    await process.printed("link up")
    return process
