"""The guard of the admin endpoint against pages in the operator's browser."""

from twisted.trial.unittest import TestCase

from ecm.admin.asked import Asked
from ecm.admin.guard import guarded

NAMES = {"front1", "front1.example"}


class GuardTests(TestCase):
    def status(
        self, method: str = "GET", over_tcp: bool = True, is_open: bool = False, **headers: str
    ) -> int:
        """Return the status of the refusal, 0 for a request that may be answered."""
        found = {name.replace("_", "-"): value for name, value in headers.items()}
        asked = Asked(method, "/drain", headers=found, over_tcp=over_tcp)
        reply = guarded(asked, NAMES, is_open)
        return 0 if reply is None else reply.status

    def test_it_is_asked_by_a_name_of_the_machine_or_an_address(self) -> None:
        for host in (
            *("localhost", "localhost:9461", "LocalHost:1", "127.0.0.1:9461", "192.0.2.7"),
            *("[::1]:9461", "[2001:db8::1]", "front1", "front1.example:9461", "FRONT1.example."),
        ):
            self.assertEqual(self.status(host=host), 0, host)
            self.assertEqual(self.status("POST", host=host), 0, host)

    def test_another_name_may_be_one_that_a_page_lets_point_here(self) -> None:
        for host in (
            *(
                "evil.example",
                "evil.example:9461",
                "localhost.evil.example",
                "127.0.0.1.evil.example",
            ),
            *("", "localhost:9461:1", "[::1", "user@localhost", "localhost/x", "[evil.example]"),
        ):
            self.assertEqual(self.status(host=host), 421, host)
        self.assertEqual(self.status(), 421)

    def test_a_browser_reaches_no_unix_socket_and_a_proxy_before_one_has_any_name(self) -> None:
        self.assertEqual(self.status(over_tcp=False, host="admin.example"), 0)

    def test_a_monitoring_may_use_any_name_for_what_tells_nothing_of_persons(self) -> None:
        self.assertEqual(self.status(is_open=True, host="ecm:9461"), 0)

    def test_another_page_cannot_post(self) -> None:
        for origin in ("https://evil.example", "null", "http://localhost:80", "file://", ""):
            self.assertEqual(self.status("POST", host="localhost:9461", origin=origin), 403, origin)
            for over_tcp in (True, False):
                status = self.status("POST", over_tcp, host="localhost:9461", origin=origin)
                self.assertEqual(status, 403)
        for site in ("cross-site", "same-site", "anything"):
            self.assertEqual(self.status("POST", host="localhost", sec_fetch_site=site), 403)

    def test_its_own_page_can(self) -> None:
        host, origin = "localhost:9461", "http://localhost:9461"
        status = self.status("POST", host=host, origin=origin, sec_fetch_site="same-origin")
        self.assertEqual(status, 0)
        self.assertEqual(self.status("POST", host="localhost", sec_fetch_site="none"), 0)

    def test_a_link_from_another_page_can_be_followed(self) -> None:
        self.assertEqual(self.status("GET", host="localhost", sec_fetch_site="cross-site"), 0)
