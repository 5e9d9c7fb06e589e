"""The memory that connections of clients may hold, by default a part of what is available."""

from twisted.trial.unittest import TestCase

from ecm import limits, memory
from testkit.command_line import parse
from testkit.ecm_process import temporary_folder
from testkit.fake_machines import write


class MemoryTests(TestCase):
    def setUp(self) -> None:
        self.root = temporary_folder(self)

    def split(self, meminfo: str, workers: int, *arguments: str) -> int:
        write(self.root, {"proc/meminfo": meminfo})
        settings = memory.split(parse("--workers", str(workers), *arguments).settings, self.root)
        return settings.clients.max_buffered

    def test_the_workers_share_a_part_of_the_available_memory(self) -> None:
        self.assertEqual(self.split("MemAvailable: 4194304 kB\n", 1), 2**30)
        self.assertEqual(self.split("MemAvailable: 4194304 kB\n", 4), 2**28)

    def test_each_has_the_least_that_is_of_use(self) -> None:
        self.assertEqual(self.split("MemAvailable: 4096 kB\n", 10), limits.MIN_BUFFERED)

    def test_a_default_where_the_kernel_does_not_say(self) -> None:
        self.assertEqual(self.split("", 2), limits.BUFFERED_WITHOUT_MEMINFO // 2)

    def test_the_operators_number_is_for_each_worker(self) -> None:
        self.assertEqual(self.split("", 4, "--max-buffered", "20000000"), 20_000_000)

    def test_a_cgroup_may_have_less(self) -> None:
        write(
            self.root,
            {
                "proc/meminfo": "MemAvailable: 4194304 kB\n",
                "proc/self/cgroup": "0::/ecm\n",
                "sys/fs/cgroup/ecm/memory.max": f"{2**30}\n",
            },
        )
        self.assertEqual(memory.capacity(self.root), 2**28)

    def test_a_cgroup_without_a_limit_changes_nothing(self) -> None:
        write(self.root, {"proc/self/cgroup": "0::/\n", "sys/fs/cgroup/memory.max": "max\n"})
        self.assertEqual(memory.capacity(self.root), limits.BUFFERED_WITHOUT_MEMINFO)
