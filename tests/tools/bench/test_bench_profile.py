"""Samples of perf are read, and each is of a kind of code."""

from unittest import TestCase

from bench.measure.profile import ErlangKinds, Kind, Sample, otp_modules, python_kind, samples
from testkit.servers.process import program

KERNEL, BEAM, JIT = "[kernel.kallsyms]", "/usr/lib/erlang/erts/bin/beam.smp", "/tmp/perf-7.map"

# As perf 6.1 prints them.
PRINTED = f"""\
    7
\tffffffff821f39e5 tcp_sendmsg ({KERNEL})
\tffffffff81000e06 __x64_sys_sendto ({KERNEL})
\t    7f34aabbccdd [unknown] (/usr/lib/libc.so.6)

    8
\t    5604d9f0a0b1 $ecm_bosh:handle/3 ({JIT})

"""

ERLANG = ErlangKinds(frozenset({"lists"}))


def kind(*frames: tuple[str, str]) -> Kind:
    return ERLANG.kind(Sample(7, frames))


class SamplesTests(TestCase):
    def test_a_sample_has_its_process_and_its_frames(self) -> None:
        sent, handled = samples(PRINTED.splitlines(keepends=True))
        self.assertEqual(sent.pid, 7)
        self.assertEqual(
            sent.frames,
            (
                ("tcp_sendmsg", KERNEL),
                ("__x64_sys_sendto", KERNEL),
                ("[unknown]", "/usr/lib/libc.so.6"),
            ),
        )
        self.assertEqual(handled, Sample(8, (("$ecm_bosh:handle/3", JIT),)))

    def test_the_last_one_may_end_without_an_empty_line(self) -> None:
        self.assertEqual(len(list(samples(PRINTED.rstrip().splitlines()))), 2)

    def test_a_sample_without_frames_is_none(self) -> None:
        self.assertEqual(list(samples(["    7 \n", "\n", "    8 \n", "\n"])), [])


class KindTests(TestCase):
    def test_the_kernel_is_told_apart_by_system_call(self) -> None:
        calls = {
            "sendto": Kind.SEND,
            "writev": Kind.SEND,
            "recvfrom": Kind.RECEIVE,
            "epoll_wait": Kind.WAIT,
            "futex": Kind.WAIT,
            "accept4": Kind.KERNEL,
        }
        for call, expected in calls.items():
            frames = (("tcp_ack", KERNEL), (f"__x64_sys_{call}", KERNEL))
            self.assertEqual(kind(*frames), expected, call)
            self.assertEqual(python_kind(Sample(7, frames)), expected, call)

    def test_some_system_calls_have_another_name_in_the_kernel(self) -> None:
        for name, expected in {"do_writev": Kind.SEND, "ksys_read": Kind.RECEIVE}.items():
            frames = (("tcp_ack", KERNEL), (name, KERNEL), ("do_syscall_64", KERNEL))
            self.assertEqual(kind(*frames), expected, name)

    def test_an_interrupt_is_of_the_kernel(self) -> None:
        self.assertEqual(kind(("asm_sysvec_apic_timer_interrupt", KERNEL)), Kind.KERNEL)

    def test_erlang_is_told_apart_by_module(self) -> None:
        self.assertEqual(kind(("$ecm_bosh:handle/3", JIT)), Kind.MOD_ECM)
        self.assertEqual(kind(("$mod_ecm:start/2", JIT)), Kind.MOD_ECM)
        self.assertEqual(kind(("$ejabberd_sm_ecm:lookup/2", JIT)), Kind.MOD_ECM)
        self.assertEqual(kind(("$ejabberd_sm:route/1", JIT)), Kind.EJABBERD)
        self.assertEqual(kind(("$'Elixir.Thing':run/0", JIT)), Kind.EJABBERD)
        self.assertEqual(kind(("$lists:foldl/3", JIT)), Kind.OTP)

    def test_pieces_that_all_code_shares_are_of_the_emulator(self) -> None:
        self.assertEqual(kind(("$global::i_test_yield_shared", JIT)), Kind.EMULATOR)
        self.assertEqual(kind(("[unknown]", "/memfd:vmem (deleted)")), Kind.EMULATOR)
        self.assertEqual(kind(("erts_schedule", BEAM)), Kind.EMULATOR)
        self.assertEqual(kind(("memcpy", "/usr/lib/x86_64-linux-gnu/libc.so.6")), Kind.EMULATOR)

    def test_libraries_in_c_are_their_own_kind(self) -> None:
        self.assertEqual(kind(("parse", "/usr/lib/fxml_stream.so")), Kind.LIBRARIES)
        self.assertEqual(kind(("SHA1_Update", "/usr/lib/libcrypto.so.3")), Kind.LIBRARIES)

    def test_all_else_of_ecm_is_python(self) -> None:
        for file in ("/usr/bin/python3.11", "/usr/lib/x86_64-linux-gnu/libc.so.6"):
            self.assertEqual(python_kind(Sample(7, (("[unknown]", file),))), Kind.PYTHON)

    def test_erlang_names_its_own_modules(self) -> None:
        found = otp_modules()
        self.assertLessEqual({"erlang", "lists", "gen_server", "mnesia", "crypto"}, found)
        self.assertFalse({"ejabberd_sm", "fxml", "ecm_bosh"} & found)


class ProgramTests(TestCase):
    def test_the_package_of_a_program_that_is_missing_is_named(self) -> None:
        with self.assertRaisesRegex(Exception, "as root: apt-get install linux-perf"):
            program("no-such-perf", "linux-perf")
