"""Look-ups of the nodes that a name stands for, with a resolver of the test's own."""

from twisted.internet.defer import Deferred, ensureDeferred, fail
from twisted.names.error import DNSNameError
from twisted.trial.unittest import TestCase

from ecm.upstream.lookup import Lookup, LookupFailed
from ecm.upstream.names import parse
from testkit.hosts import Hosts


class LookupTests(TestCase):
    def endpoints(self, text: str, lookup: Lookup | None = None) -> "Deferred[list[str]]":
        name = parse(text)
        assert name is not None
        return ensureDeferred((lookup or Lookup(Hosts())).endpoints(name))

    def test_a_host_is_all_its_addresses_each_once(self) -> None:
        one = self.successResultOf(self.endpoints("dns:tcp:one.example:5290"))
        self.assertEqual(one, ["tcp:192.0.2.1:5290", r"tcp:2001\:db8\:\:1:5290"])
        two = self.successResultOf(self.endpoints("dns:tls:two.example:5290"))
        self.assertEqual(two, [r"tls:two.example:5290:endpoint=tcp\:192.0.2.2\:5290"])

    def test_a_host_without_addresses(self) -> None:
        failure = self.failureResultOf(self.endpoints("dns:tcp:no.example:1"), LookupFailed)
        self.assertEqual(failure.getErrorMessage(), "no address of no.example is known")

    def test_a_name_server_that_fails(self) -> None:
        for error, said in ((DNSNameError("a"), "a"), (TimeoutError(), "TimeoutError")):
            lookup = Lookup(Hosts(), lambda name, error=error: fail(error))  # type: ignore[misc]
            failure = self.failureResultOf(self.endpoints("srv:tcp:a", lookup), LookupFailed)
            self.assertEqual(failure.getErrorMessage(), f"no SRV records of a: {said}")
