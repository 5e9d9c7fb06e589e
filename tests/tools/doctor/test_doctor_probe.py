"""Reading a machine, and one of which nothing is known."""

import os
from pathlib import Path
from tempfile import TemporaryDirectory

import attrs
from twisted.trial.unittest import TestCase

from ecm.kernel import UNLIMITED
from ecm.tools.doctor.machine import Machine
from ecm.tools.doctor.probe import read
from testkit.fake_machines import FILES, write


class MadeUpCase(TestCase):
    def setUp(self) -> None:
        self.root = Path(self.enterContext(TemporaryDirectory()))

    def read(self, files: dict[str, str]) -> Machine:
        write(self.root, files)
        return read(self.root)


class ReaderTests(MadeUpCase):
    def test_all(self) -> None:
        self.assertEqual(
            self.read(FILES),
            Machine(
                cores=4,
                soft_files=1024,
                hard_files=524_288,
                nr_open=1_048_576,
                file_max=UNLIMITED,
                files_now=3819,
                somaxconn=4096,
                syn_backlog=1024,
                syncookies=1,
                tcp_pages=575_664,
                most_tracked=262_144,
                tracked_now=17,
                ports=28_232,
                memory=15_000_000 * 1024,
                cgroup_memory=8_000_000_000,
                cgroup_tasks=500,
                erlang_processes=2_000_000,
                own_sessions=1,
            ),
        )

    def test_nothing(self) -> None:
        self.assertEqual(read(self.root), Machine())
        self.assertEqual(read(self.root / "missing"), Machine())

    def test_folders_where_files_should_be(self) -> None:
        for name in FILES:
            (self.root / name).mkdir(parents=True)
        self.assertEqual(read(self.root), Machine())

    def test_garbage(self) -> None:
        self.assertEqual(
            self.read(dict.fromkeys(FILES, "\0 garbage /\n")),
            Machine(erlang_processes=250_000, own_sessions=0),
        )

    def test_default_of_ejabberdctl(self) -> None:
        machine = self.read({"etc/ejabberd/ejabberdctl.cfg": "#ERL_PROCESSES=3\n"})
        self.assertEqual(machine.erlang_processes, 250_000)

    def test_the_real_machine(self) -> None:
        machine = read(Path("/"))
        self.assertEqual(machine.cores, len(os.sched_getaffinity(0)))
        for name in ("hard_files", "nr_open", "file_max", "somaxconn", "tcp_pages", "memory"):
            self.assertGreater(attrs.asdict(machine)[name], 0, name)
