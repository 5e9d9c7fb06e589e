"""The memory that connections of clients may hold, and whether memory is short."""

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


class ShortMemoryTests(TestCase):
    """``MemoryWatch``, on a machine that has more or less."""

    def setUp(self) -> None:
        self.root = temporary_folder(self)
        self.told: list[bool] = []
        self.now = 0.0
        self.watch = memory.MemoryWatch(self.told.append, self.root)

    def look(self, files: dict[str, str]) -> list[bool]:
        write(self.root, files)
        for _ in range(2):
            self.now += limits.MAX_MEMORY_PAUSE
            self.watch.tick(self.now)
        told, self.told[:] = [*self.told], []
        return told

    def test_what_is_left_of_the_machine(self) -> None:
        enough, short = limits.SHORT_MEMORY // 1024, limits.SHORT_MEMORY // 1024 - 1
        for left, told in ((enough, []), (short, [True]), (short, []), (enough, [False])):
            self.assertEqual(self.look({"proc/meminfo": f"MemAvailable: {left} kB\n"}), told)

    def test_while_much_is_left_it_looks_again_when_that_may_have_gone(self) -> None:
        much = limits.SHORT_MEMORY + 3 * limits.MEMORY_RATE
        self.assertEqual(self.look({"proc/meminfo": f"MemAvailable: {much // 1024} kB\n"}), [])
        write(self.root, {"proc/meminfo": "MemAvailable: 0 kB\n"})
        for seconds, told in ((2.9, []), (3.0, [True])):
            self.watch.tick(self.now + seconds)
            self.assertEqual(self.told, told)

    def test_nor_does_it_look_away_for_long_when_nothing_is_known(self) -> None:
        for files in ({"proc/meminfo": ""}, {"proc/meminfo": f"MemAvailable: {2**40} kB\n"}):
            watch = memory.MemoryWatch(self.told.append, self.root)
            write(self.root, files)
            watch.tick(0.0)
            write(self.root, {"proc/meminfo": "MemAvailable: 0 kB\n"})
            watch.tick(limits.MAX_MEMORY_PAUSE - 0.1)
            self.assertEqual(self.told, [])
            watch.tick(limits.MAX_MEMORY_PAUSE)
            self.assertEqual(self.told, [True])
            self.told.clear()

    def test_what_is_left_in_the_cgroup(self) -> None:
        machine = {
            "proc/meminfo": "MemAvailable: 15000000 kB\n",
            "proc/self/cgroup": "0::/ecm\n",
            "sys/fs/cgroup/ecm/memory.max": "1000000000\n",
        }
        for current, told in (("900000000\n", []), ("970000000\n", [True])):
            self.assertEqual(
                self.look({**machine, "sys/fs/cgroup/ecm/memory.current": current}), told
            )

    def test_where_nothing_is_known_it_is_not_short(self) -> None:
        self.assertEqual(self.look({}), [])
