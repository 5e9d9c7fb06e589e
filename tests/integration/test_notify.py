"""Messages to systemd, read here from real sockets."""

import os
import socket

from twisted.trial.unittest import TestCase

from ecm.systemd import is_notified, notify, watchdog_seconds
from testkit.ecm_process import temporary_folder


class NotifyTests(TestCase):
    def manager(self, address: str) -> socket.socket:
        """A socket as systemd has one."""
        end = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.addCleanup(end.close)
        end.bind(address)
        end.setblocking(False)
        return end

    def test_states_arrive_in_one_message(self) -> None:
        address = str(temporary_folder(self) / "notify")
        manager = self.manager(address)
        told = notify("READY=1", "STATUS=2 connections", environment={"NOTIFY_SOCKET": address})
        self.assertTrue(told)
        self.assertEqual(manager.recv(1024), b"READY=1\nSTATUS=2 connections")

    def test_a_socket_may_be_abstract(self) -> None:
        name = f"ecm-test-{os.getpid()}"
        manager = self.manager(f"\0{name}")
        self.assertTrue(notify("STOPPING=1", environment={"NOTIFY_SOCKET": f"@{name}"}))
        self.assertEqual(manager.recv(1024), b"STOPPING=1")

    def test_without_a_manager_nothing_is_told(self) -> None:
        self.assertFalse(notify("READY=1", environment={}))
        self.assertFalse(notify("READY=1", environment={"NOTIFY_SOCKET": "/nosuch/socket"}))
        self.assertFalse(notify("READY=1", environment={"NOTIFY_SOCKET": "vsock:2:1234"}))
        self.assertFalse(is_notified({}))

    def test_a_manager_that_does_not_read_is_not_waited_for(self) -> None:
        address = str(temporary_folder(self) / "notify")
        self.manager(address)
        environment = {"NOTIFY_SOCKET": address}
        for _ in range(10_000):
            if not notify("STATUS=" + "x" * 1000, environment=environment):
                return
        self.fail("its queue has no end")


class WatchdogTests(TestCase):
    def test_the_time_is_in_microseconds(self) -> None:
        self.assertEqual(watchdog_seconds({"WATCHDOG_USEC": "30000000"}), 30)
        of_this_process = {"WATCHDOG_USEC": "500000", "WATCHDOG_PID": str(os.getpid())}
        self.assertEqual(watchdog_seconds(of_this_process), 0.5)

    def test_there_is_none_for_others(self) -> None:
        self.assertEqual(watchdog_seconds({}), 0)
        self.assertEqual(watchdog_seconds({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": "1"}), 0)
        self.assertEqual(watchdog_seconds({"WATCHDOG_USEC": "soon"}), 0)
