"""Man pages and completion name each program of setup.cfg, and each of its options."""

import re
import subprocess
from pathlib import Path
from tempfile import TemporaryDirectory

from twisted.trial.unittest import TestCase

from ecm.config.command_line import Options
from testkit.manual import completion, man_page, section, write
from testkit.programs import ECM, entry_points, parsers

PARSERS = {parser.prog: parser for parser in parsers()}
# Of the parsers of argparse, as their users see them: long names, those of subcommands too.
OPTION = re.compile(r"(?<![\w-])--[a-z][a-z-]*")


def plain(page: str) -> str:
    """Return a page without its fonts and escapes."""
    return re.sub(r"\\f[BIR]|\\[,/]|\\(?=-)", "", page)


def completed(program: str, *words: str) -> list[str]:
    """Return what bash offers where the last of these words ends."""
    line = " ".join(f"'{word}'" for word in (program, *words))
    # complete without bash-completion's own functions; the name of the function is shtab's
    script = (
        f"{completion(PARSERS[program])}\n"
        f"COMP_WORDS=({line}) COMP_CWORD={len(words)}\n"
        f"_shtab_{program.replace('-', '_')} '{program}' '{words[-1]}' ''\n"
        'printf "%s\\n" "${COMPREPLY[@]}"\n'
    )
    done = subprocess.run(["bash", "-c", script], capture_output=True, text=True, check=True)
    return done.stdout.split()


class ProgramsTests(TestCase):
    def test_each_program_of_setup_cfg_is_there_and_ecm(self) -> None:
        self.assertEqual(list(PARSERS), [ECM, *(name for name, _ in entry_points())])

    def test_ecm_has_the_options_of_twistd_ecm(self) -> None:
        ours = set(OPTION.findall(plain(man_page(PARSERS[ECM]))))
        self.assertEqual(
            ours | {"--help"}, set(OPTION.findall(Options().getUsage())) | {"--pidfile"}
        )
        self.assertIn("--listen", ours)


class ManPageTests(TestCase):
    def test_a_page_names_each_option(self) -> None:
        for name, parser in PARSERS.items():
            page = plain(man_page(parser))
            for option in set(OPTION.findall(parser.format_help())) - {"--help"}:
                self.assertIn(option, page, name)

    def test_the_daemon_is_in_section_8_and_the_others_in_1(self) -> None:
        self.assertEqual([section(name) for name in PARSERS], [8] + [1] * (len(PARSERS) - 1))
        self.assertTrue(man_page(PARSERS[ECM]).startswith('.TH ECM "8"'))

    def test_a_page_says_in_one_line_what_the_program_does(self) -> None:
        for name, parser in PARSERS.items():
            found = re.search(r"^\.SH NAME\n(.*) \\- (.*)\n", man_page(parser), re.MULTILINE)
            assert found, name
            self.assertEqual(plain(found[1]), name)
            self.assertLess(len(found[2]), 100)
            self.assertTrue(found[2][0].islower(), found[2])

    def test_a_page_names_the_others(self) -> None:
        for name, parser in PARSERS.items():
            see = plain(man_page(parser).partition(".SH SEE ALSO")[2])
            self.assertEqual(
                [each for each in PARSERS if f"{each}({section(each)})" not in see], [name]
            )


class CompletionTests(TestCase):
    def test_bash_completes_each_option(self) -> None:
        for name, parser in PARSERS.items():
            if not parser.usage:
                self.assertIn("--help", completed(name, "--h"))
        self.assertIn("--worker-timeout", completed(ECM, "--work"))
        self.assertNotIn("--listen", completed(ECM, "--work"))

    def test_bash_completes_values(self) -> None:
        self.assertEqual(completed("ecm-doctor", "--transport", "w"), ["websocket"])


class WriteTests(TestCase):
    def test_there_is_a_file_for_each(self) -> None:
        folder = Path(self.enterContext(TemporaryDirectory()))
        write(folder)
        pages = {f"{name}.{section(name)}" for name in PARSERS}
        self.assertEqual({file.name for file in (folder / "man").iterdir()}, pages)
        self.assertEqual({file.name for file in (folder / "completions").iterdir()}, set(PARSERS))
