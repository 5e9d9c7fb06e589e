"""Files of the kernel are read, and nothing in them makes a traceback."""

from collections.abc import Callable
from typing import Any

from hypothesis import example, given
from hypothesis import strategies as st
from twisted.trial.unittest import TestCase

from ecm.kernel import UNLIMITED
from ecm.tools.doctor import proc
from testkit.fake_machines import FILES

PARSERS: list[Callable[[bytes], Any]] = [
    proc.number,
    proc.numbers,
    proc.ports,
    proc.open_files,
    proc.cores,
    lambda content: proc.setting(content, "ERL_PROCESSES", 1),
    proc.has_own_sessions,
]

# Garbage that is nearly right finds more than bytes at random.
_PIECES = [
    *(b"ERL_PROCESSES=", b"Max open files ", b"Cpus_allowed_list:"),
    *(b" kB", b"max", b"unlimited", b"-", b",", b":", b"/", b"..", b" ", b"\t", b"\n", b"\xff"),
    *(b"0", b"7", b"9" * 30, b"\0", "٣".encode()),
]
GARBAGE = st.one_of(
    st.binary(max_size=200),
    st.lists(st.sampled_from(_PIECES), max_size=12).map(b"".join),
    st.sampled_from([text.encode() for text in FILES.values()]),
)


def _flat(value: Any) -> list[int | None]:
    return list(value) if isinstance(value, list | tuple) else [value]


class GarbageTests(TestCase):
    @given(GARBAGE)
    @example(b"")
    def test_every_parser_gives_a_number_from_0_or_nothing(self, content: bytes) -> None:
        for parse in PARSERS:
            for value in _flat(parse(content)):
                self.assertTrue(value is None or 0 <= value <= UNLIMITED, (parse, value))

    def test_nothing_is_not_known(self) -> None:
        self.assertEqual([parse(b"") for parse in PARSERS[:1]], [None])
        self.assertEqual(proc.numbers(b""), [])
        self.assertIsNone(proc.ports(b""))
        self.assertEqual(proc.open_files(b""), (None, None))
        self.assertIsNone(proc.cores(b""))


class ProcTests(TestCase):
    def test_numbers(self) -> None:
        self.assertEqual(proc.number(b"4096\n"), 4096)
        self.assertEqual(proc.numbers(b"1\t2\t3\n"), [1, 2, 3])
        for content in (b"-1\n", b"1 2\n", b"4096x\n", b"0x10\n", b"9" * 20):
            self.assertIsNone(proc.number(content), content)
        self.assertEqual(proc.numbers(b"1 x 3\n"), [])

    def test_no_limit(self) -> None:
        for content in (b"max\n", b"9223372036854771712\n", b"9223372036854775807\n"):
            self.assertEqual(proc.number(content), UNLIMITED)

    def test_a_number_in_a_place(self) -> None:
        self.assertEqual(proc.at([5, 6, 7], 2), 7)
        self.assertIsNone(proc.at([5, 6], 2))

    def test_first_and_last_port_count(self) -> None:
        self.assertEqual(proc.ports(b"32768\t60999\n"), 28_232)
        self.assertEqual(proc.ports(b"7 7"), 1)
        self.assertIsNone(proc.ports(b"60999\t32768\n"))

    def test_open_files(self) -> None:
        self.assertEqual(proc.open_files(FILES["proc/self/limits"].encode()), (1024, 524_288))
        unlimited = (
            b"Max open files            unlimited            unlimited            files     \n"
        )
        self.assertEqual(proc.open_files(unlimited), (UNLIMITED, UNLIMITED))

    def test_cores(self) -> None:
        for listed, count in ((b"0", 1), (b"0-1", 2), (b"0-2,7", 4), (b"3,5,8-9", 4)):
            self.assertEqual(proc.cores(b"Cpus_allowed_list:\t%b\n" % listed), count)
        for listed in (b"", b",", b"2-0", b"1,,2", b"-1", b"1-2-3"):
            self.assertIsNone(proc.cores(b"Cpus_allowed_list:\t%b\n" % listed), listed)

    def test_the_table_of_sessions_of_mod_ecm(self) -> None:
        for line in (b"sm_db_type: ecm", b'sm_db_type: "ecm"  # small', b"sm_db_type:   'ecm'\r"):
            self.assertEqual(proc.has_own_sessions(b"hosts:\n  - a\n" + line + b"\n"), 1, line)
        for line in (b"sm_db_type: redis", b"#sm_db_type: ecm", b"  sm_db_type: ecm", b""):
            self.assertEqual(proc.has_own_sessions(b"hosts:\n  - a\n" + line + b"\n"), 0, line)

    def test_a_setting_of_a_shell(self) -> None:
        for content, value in (
            (b"ERL_PROCESSES=5\n", 5),
            (b"export ERL_PROCESSES='5'\r\n", 5),
            (b'ERL_PROCESSES=4\nERL_PROCESSES="5"', 5),
            (b"#ERL_PROCESSES=5\nMY_ERL_PROCESSES=6\n", 1),
            (b"ERL_PROCESSES=$MANY\n", None),
            (b"ERL_PROCESSES=\n", None),
        ):
            self.assertEqual(proc.setting(content, "ERL_PROCESSES", 1), value, content)
