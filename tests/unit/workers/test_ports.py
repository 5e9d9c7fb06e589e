"""The places of ports: two endpoints have the same where only one can be open."""

from twisted.trial.unittest import TestCase

from ecm.net.endpoints import all_addresses, options_of, place_of
from ecm.workers.ports import places


class PlaceTests(TestCase):
    def test_the_place_is_the_address_and_the_port(self) -> None:
        everywhere = all_addresses() or "0.0.0.0"
        for description, place in (
            ("tcp:7080", f"{everywhere} port 7080"),
            ("tcp:port=7080:backlog=5", f"{everywhere} port 7080"),
            ("plain:tcp:5222:interface=127.0.0.1", "127.0.0.1 port 5222"),
            ("tcp:7080:192.0.2.1", "192.0.2.1 port 7080"),
            (r"unix:/run/a\=b", "unix:/run/a=b"),
            (r"ssl:443:interface=\:\:1:privateKey=a=b", "::1 port 443"),
            ("tls:/etc/ecm:port=443", f"{everywhere} port 443"),
            (r"starttls:/etc/a\:b:port=5222:interface=127.0.0.1", "127.0.0.1 port 5222"),
            ("unix:/run/ecm.sock:mode=660", "unix:/run/ecm.sock"),
            ("plain:systemd:domain=INET6:index=1", "systemd:domain=INET6:index=1"),
            ("haproxy:tcp:1", "haproxy:tcp:1"),
        ):
            self.assertEqual(place_of(description), place)

    def test_one_that_is_there_twice_has_two(self) -> None:
        place = place_of("tcp:0:interface=::1")
        self.assertEqual(places(["tcp:0:interface=::1"] * 2), [(place, 0), (place, 1)])

    def test_a_port_has_options_beside_its_place(self) -> None:
        for description, options in (
            ("tcp:7080", {"backlog": "4096"}),
            ("tls:/etc/ecm:port=443:backlog=7", {"backlog": "7"}),
            ("unix:/a", {"backlog": "4096", "mode": "666", "lockfile": "1"}),
            ("plain:unix:/a:mode=660:lockfile=0", {"mode": "660", "lockfile": "0"}),
            ("systemd:domain=INET6:index=0", {}),
        ):
            self.assertLessEqual(options.items(), options_of(description).items())
