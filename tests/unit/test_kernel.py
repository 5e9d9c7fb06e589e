"""Limits of this machine from the files of Linux, and that nothing in them makes a traceback."""

import os
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import TestCase

from ecm import kernel
from ecm.kernel import UNLIMITED
from testkit.ecm_process import temporary_folder
from testkit.fake_machines import FILES, write

READERS: list[Callable[[Path], int | None]] = [
    kernel.available_memory,
    kernel.cgroup_memory,
    kernel.cgroup_free_memory,
    kernel.cgroup_tasks,
]

# Garbage that is nearly right finds more than bytes at random.
_PIECES = [
    *(b"MemAvailable: ", b"0::/", b"4:memory:/a", b"..", b"/", b":", b",", b"max", b"unlimited"),
    *(b" kB", b" ", b"\n", b"\xff", b"\0", b"0", b"7", b"9" * 30, "٣".encode()),
]
GARBAGE = st.one_of(
    st.binary(max_size=200),
    st.lists(st.sampled_from(_PIECES), max_size=12).map(b"".join),
    st.sampled_from([text.encode() for text in FILES.values()]),
)


class FileTests(TestCase):
    def setUp(self) -> None:
        self.root = temporary_folder(self)

    def test_a_missing_file_is_empty(self) -> None:
        self.assertEqual(kernel.content(self.root / "none"), b"")
        self.assertEqual(kernel.content(self.root), b"")
        self.assertEqual(kernel.content(self.root / "\0"), b"")

    def test_limits(self) -> None:
        self.assertEqual(kernel.limit(b"4096"), 4096)
        for word in (b"max", b"unlimited", b"9223372036854771712", b"9223372036854775807"):
            self.assertEqual(kernel.limit(word), UNLIMITED)
        for word in (b"", b"-1", b"1 2", b"4096x", b"0x10", b"9" * 20):
            self.assertIsNone(kernel.limit(word), word)

    def test_memory_is_in_bytes(self) -> None:
        write(self.root, {"proc/meminfo": "MemTotal: 3 kB\nMemAvailable:   2 kB\n"})
        self.assertEqual(kernel.available_memory(self.root), 2048)
        write(self.root, {"proc/meminfo": "MemTotal: 3 kB\n"})
        self.assertIsNone(kernel.available_memory(self.root))

    def test_where_there_are_no_files_nothing_is_known(self) -> None:
        self.assertEqual([read(self.root) for read in READERS], [None] * len(READERS))

    def test_open_files_are_counted(self) -> None:
        before = kernel.open_files()
        with (self.root / "a").open("w"), (self.root / "b").open("w"):
            self.assertEqual(kernel.open_files(), before + 2)
        self.assertEqual(kernel.open_files(), before)

    def test_before_linux_6_2_the_lowest_that_is_free_tells(self) -> None:
        self.patch(os, "stat", lambda _: SimpleNamespace(st_size=0))
        before = kernel.open_files()
        with (self.root / "a").open("w") as file:
            self.assertGreaterEqual(kernel.open_files(), before)
            self.assertGreaterEqual(kernel.open_files(), file.fileno() + 1)

    @given(GARBAGE, GARBAGE, GARBAGE)
    def test_garbage_is_a_number_from_0_or_not_known(
        self, meminfo: bytes, cgroup: bytes, limit: bytes
    ) -> None:
        write(self.root, dict.fromkeys(FILES, ""))
        (self.root / "proc/meminfo").write_bytes(meminfo)
        (self.root / "proc/self/cgroup").write_bytes(cgroup)
        (self.root / "sys/fs/cgroup/memory.max").write_bytes(limit)
        (self.root / "sys/fs/cgroup/memory.current").write_bytes(meminfo)
        (self.root / "sys/fs/cgroup/memory.stat").write_bytes(cgroup)
        for read in READERS:
            value = read(self.root)
            self.assertTrue(value is None or 0 <= value <= UNLIMITED, (read, value))


class CgroupTests(TestCase):
    """The limit of memory, which has a different name in each version of cgroups."""

    def setUp(self) -> None:
        self.root = temporary_folder(self)

    def limit(self, files: dict[str, str]) -> int | None:
        write(self.root, files)
        return kernel.cgroup_memory(self.root)

    def test_version_1(self) -> None:
        files = {
            "proc/self/cgroup": "4:memory:/a/b\n0::/\n",
            "sys/fs/cgroup/memory/memory.limit_in_bytes": "9223372036854771712\n",
            "sys/fs/cgroup/memory/a/memory.limit_in_bytes": "5000\n",
            "sys/fs/cgroup/memory/a/b/memory.limit_in_bytes": "6000\n",
        }
        self.assertEqual(self.limit(files), 5000)

    def test_path_of_the_host_in_a_container(self) -> None:
        for path in ("/docker/1234", "/../../system.slice"):
            files = {"proc/self/cgroup": f"0::{path}\n", "sys/fs/cgroup/memory.max": "7000\n"}
            self.assertEqual(self.limit(files), 7000)

    def test_outermost_has_no_limit(self) -> None:
        (self.root / "sys/fs/cgroup").mkdir(parents=True)
        self.assertEqual(self.limit({"proc/self/cgroup": "0::/\n"}), UNLIMITED)

    def test_nothing_allowed_is_the_least(self) -> None:
        files = {
            "proc/self/cgroup": "0::/a/b\n",
            "sys/fs/cgroup/memory.max": "much\n",
            "sys/fs/cgroup/a/memory.max": "0\n",
            "sys/fs/cgroup/a/b/memory.max": "6000\n",
        }
        self.assertEqual(self.limit(files), 0)

    def test_what_is_no_number_is_not_known(self) -> None:
        files = {"proc/self/cgroup": "0::/\n", "sys/fs/cgroup/memory.max": "much\n"}
        self.assertIsNone(self.limit(files))

    def test_a_controller_in_a_list_of_several(self) -> None:
        files = {
            "proc/self/cgroup": "9:name=systemd:/\n4:cpu,memory:/a\n0::/c:d\n",
            "sys/fs/cgroup/memory/a/memory.limit_in_bytes": "5000\n",
        }
        self.assertEqual(self.limit(files), 5000)

    def test_a_name_with_a_colon(self) -> None:
        files = {"proc/self/cgroup": "0::/c:d\n", "sys/fs/cgroup/c:d/memory.max": "5000\n"}
        self.assertEqual(self.limit(files), 5000)

    def test_what_is_left(self) -> None:
        for cgroup, folder, names in (
            ("0::/a\n", "a", ("memory.max", "memory.current", "inactive_file")),
            (
                "4:memory:/a\n",
                "memory/a",
                ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"),
            ),
        ):
            most, used, pages = names
            own = f"sys/fs/cgroup/{folder}"
            files = {
                "proc/self/cgroup": cgroup,
                f"{own}/{most}": "5000\n",
                f"{own}/{used}": "4000\n",
                f"{own}/../{most}": "9000\n",
                f"{own}/../{used}": "8999\n",
            }
            write(self.root, files)
            self.assertEqual(kernel.cgroup_free_memory(self.root), 1)
            write(self.root, {f"{own}/../{most}": "max\n"})
            self.assertEqual(kernel.cgroup_free_memory(self.root), 1000)
            write(self.root, {f"{own}/memory.stat": f"anon 7\n{pages} 500\nslab 9\n"})
            self.assertEqual(kernel.cgroup_free_memory(self.root), 1500)
            write(self.root, {f"{own}/{used}": "7000\n"})
            self.assertEqual(kernel.cgroup_free_memory(self.root), 0)

    def test_number_of_tasks(self) -> None:
        for cgroup, folder in (("0::/a\n", "a"), ("1:pids:/a\n", "pids/a")):
            write(
                self.root,
                {"proc/self/cgroup": cgroup, f"sys/fs/cgroup/{folder}/pids.max": "500\n"},
            )
            self.assertEqual(kernel.cgroup_tasks(self.root), 500)


class UsageTests(TestCase):
    def test_what_this_process_takes(self) -> None:
        usage = kernel.usage(Path("/"), os.getpid())
        self.assertGreater(usage.rss, 2**20)
        self.assertGreater(usage.cpu, 0)

    def test_a_process_that_has_ended_takes_nothing(self) -> None:
        self.assertEqual(kernel.usage(temporary_folder(self), 7), kernel.Usage())

    @given(GARBAGE)
    def test_garbage_is_not_known(self, garbage: bytes) -> None:
        root = temporary_folder(self)
        write(root, {"proc/7/stat": garbage.decode(errors="replace")})
        self.assertIsInstance(kernel.usage(root, 7), kernel.Usage)
