"""Limits of form, and which folder may import what, read from the sources."""

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

from twisted.trial.unittest import TestCase

import ecm
from testkit.paths import CHECKOUT
from tests.conftest import LONGEST

FOLDER = Path(ecm.__file__).parent
DOCUMENT = CHECKOUT / "docs" / "architecture.md"

# The parts of the server: folders, and modules at the top. Each imports only from parts that stand
# above it; parts in one line know nothing of each other.
ORDER = (
    (
        "description",
        "limits",
        "errors",
        "kernel",
        "metrics",
        "option",
        "questions",
        "shutdown",
        "signals",
        "systemd",
    ),
    ("http", "link", "tls", "xmpp"),
    ("websocket",),
    ("net",),
    ("log",),
    ("status",),
    ("upstream",),
    ("frontend",),
    ("settings", "operated"),
    ("observer", "open_files", "memory", "heap", "page", "exposition", "changes", "certificates"),
    ("server",),
    ("one_process", "workers", "admin", "notifier"),
    ("config",),
    ("service",),
)

# Bytes and time in, events and bytes out: no I/O, and no clock.
PURE = (
    *("description", "limits", "option", "metrics", "http", "link", "tls", "websocket", "xmpp"),
    *("settings", "status", "workers/report"),
    *("frontend/bosh_response", "frontend/budget"),
    *(
        "upstream/pending",
        "upstream/stream",
        "upstream/table",
        "upstream/parts",
        "upstream/request_queue",
    ),
    *("upstream/brake", "upstream/tally"),
    *("upstream/outage", "upstream/names"),
)
PURE_OF_DOCTOR = [
    f"tools/doctor/{module}"
    for module in (
        "proc",
        "machine",
        "node",
        "plan",
        "costs",
        "fixes",
        "rules",
        "diagnosis",
        "report",
    )
]
PROGRAMS = ("tools/ctl/", "tools/demo/", "tools/doctor/", "tools/swarm/")
PROGRAM_PACKAGES = tuple(f"ecm.{folder.replace('/', '.')}" for folder in PROGRAMS)
NOT_PURE = {"twisted", "time", "datetime", "socket", "asyncio", "select", "random", "os"}

# Twisted's classes of transports, ports and reactors are for `net` alone, and so is what objects of
# these have beside their interfaces.
CLASSES_OF_TWISTED = re.compile(r"twisted\.(internet\.(tcp|unix|ssl|base|posixbase)|protocols)\b")
INSIDES_OF_TWISTED = {
    *("addressFamily", "dataBuffer", "disconnecting", "logstr", "protocol", "reactor", "repstr"),
    *("socket", "streamingProducer"),
}

# Of the server, what the programs beside it may use: the wire formats, the limits, what reads those
# of this machine, and what takes the descriptions of endpoints apart.
FOR_TOOLS = {"description", "limits", "kernel", "http", "link", "tls", "websocket", "tools"}

# What stands beside the server, and the names of the modules there that are tests.
BESIDE = ("bench", "conformance", "testkit", "tests")
TEST = re.compile(r"^tests\.(.*\.)?(test_\w+|\w+_test)\b")


def modules(part: str) -> Iterator[str]:
    """The modules of a folder, or the one module of this name: paths without their ending."""
    path = FOLDER / part
    files = path.rglob("*.py") if path.is_dir() else [path.with_suffix(".py")]
    for file in files:
        yield str(file.relative_to(FOLDER).with_suffix(""))


def of_the_server() -> Iterator[str]:
    """All modules of the server."""
    for part in (part for line in ORDER for part in line):
        yield from modules(part)


def imports(module: str) -> set[str]:
    """The full names of the modules that one of the server imports, anywhere in it."""
    return imports_of(FOLDER / f"{module}.py") - {"ecm.__version__"}


def parts(module: str) -> set[str]:
    """The parts of the server that a module imports."""
    return {name.split(".")[1] for name in imports(module) if name.startswith("ecm.")}


def imports_of(file: Path) -> set[str]:
    """The full names of the modules that a file imports, anywhere in it."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.update(f"{node.module}.{alias.name}" for alias in node.names)
    return found


class TestsTests(TestCase):
    def test_nobody_imports_a_test(self) -> None:
        for part in BESIDE:
            for file in (CHECKOUT / part).rglob("*.py"):
                for name in imports_of(file):
                    self.assertNotRegex(name, TEST, str(file))

    def test_helpers_need_no_tests(self) -> None:
        for file in (CHECKOUT / "testkit").rglob("*.py"):
            roots = {name.partition(".")[0] for name in imports_of(file)}
            self.assertFalse(roots & {"tests", "bench", "conformance"}, file)

    def test_the_conformance_suite_needs_nothing_but_python(self) -> None:
        for file in (CHECKOUT / "conformance").rglob("*.py"):
            roots = {name.partition(".")[0] for name in imports_of(file)}
            self.assertLessEqual(roots, sys.stdlib_module_names | {"conformance"}, file)

    def test_the_longest_modules_are_there(self) -> None:
        there = {file.stem for file in (CHECKOUT / "tests").rglob("test_*.py")}
        self.assertLessEqual(set(LONGEST), there)


# What a stranger can take in at a glance: lines of a function, median and maximum; and, where each
# request comes through, methods and lines of a class.
MEDIAN_LINES = 6
MAX_LINES = 40
HOT = ("http", "link", "tls", "websocket", "xmpp", "net", "upstream", "frontend")
MAX_METHODS = 15
MAX_CLASS_LINES = 250

# The columns of a line of mod_ecm, in modules and tests.
MAX_COLUMNS = 120

# A docstring begins with the noun, or the verb, and not with a question.
QUESTION = re.compile(r"(What|Whose|Whether|How|Which|Who|Where|When|Why)\b")

# The base classes of HTTPConnection, and what belongs to the handlers of paths.
CONNECTION = [
    f"frontend/{each}"
    for each in ("connection", "sending", "exchange", "ordering", "reading", "http")
]
BEHIND_PATHS = re.compile(
    r"ecm\.(frontend\.(bosh|static|routes)|http\.(cors|content_type|byte_range))"
)

Function = ast.FunctionDef | ast.AsyncFunctionDef


def nodes(file: Path) -> Iterator[ast.AST]:
    yield from ast.walk(ast.parse(file.read_text()))


def length(node: ast.stmt) -> int:
    """The lines of a function or a class, its docstring included."""
    return (node.end_lineno or 0) - node.lineno + 1


class FormTests(TestCase):
    def test_functions_are_short(self) -> None:
        for part in ("ecm", *BESIDE):
            files = (CHECKOUT / part).rglob("*.py")
            found = [
                (length(node), f"{file}: {node.name}")
                for file in files
                for node in nodes(file)
                if isinstance(node, Function)
            ]
            self.assertLessEqual(max(found), (MAX_LINES, "~"))
            self.assertLessEqual(median(lines for lines, _ in found), MEDIAN_LINES, part)

    def test_classes_on_the_way_of_a_request_have_one_role(self) -> None:
        for module in [module for part in HOT for module in modules(part)]:
            for node in nodes(FOLDER / f"{module}.py"):
                if isinstance(node, ast.ClassDef):
                    methods = [each for each in node.body if isinstance(each, Function)]
                    self.assertLessEqual(len(methods), MAX_METHODS, node.name)
                    self.assertLessEqual(length(node), MAX_CLASS_LINES, node.name)

    def test_lines_of_mod_ecm_are_short(self) -> None:
        for file in (CHECKOUT / "erlang_stub" / "mod_ecm").rglob("*.erl"):
            lines = enumerate(file.read_text().splitlines(), 1)
            longer = [number for number, line in lines if len(line) > MAX_COLUMNS]
            self.assertEqual(longer, [], str(file))

    def test_docstrings_are_no_questions(self) -> None:
        for file in (file for part in ("ecm", *BESIDE) for file in (CHECKOUT / part).rglob("*.py")):
            for node in nodes(file):
                if isinstance(node, Function | ast.ClassDef | ast.Module):
                    self.assertIsNone(QUESTION.match(ast.get_docstring(node) or ""), str(file))

    def test_an_http_connection_knows_nothing_of_what_is_behind_its_paths(self) -> None:
        for module in CONNECTION:
            known = {name for name in imports(module) if BEHIND_PATHS.match(name)}
            self.assertEqual(known, set(), module)


def foreign_attributes(module: str) -> set[str]:
    """The attributes of other objects that a module uses, each with the object it is of."""
    own = {"self", "cls", "super()"}
    return {
        ast.unparse(node)
        for node in ast.walk(ast.parse((FOLDER / f"{module}.py").read_text()))
        if isinstance(node, ast.Attribute) and ast.unparse(node.value) not in own
    }


class ArchitectureTests(TestCase):
    def test_the_document_shows_the_order(self) -> None:
        shown = "\n".join("    " + " | ".join(line) for line in ORDER)
        self.assertIn(f"test_architecture.py -->\n\n{shown}\n\n<!-- end -->", DOCUMENT.read_text())

    def test_every_part_has_its_place(self) -> None:
        known = {part for line in ORDER for part in line} | {"tools", "__init__"}
        self.assertEqual({path.stem for path in FOLDER.iterdir()} - {"__pycache__"}, known)

    def test_imports_go_one_way(self) -> None:
        above: set[str] = set()
        wrong = set()
        for line in ORDER:
            for part in line:
                for module in modules(part):
                    wrong |= {(module, other) for other in parts(module) - above - {part}}
            above |= set(line)
        self.assertEqual(wrong, set())

    def test_the_way_to_ejabberd_knows_nothing_of_http(self) -> None:
        for module in [module for part in ("link", "upstream") for module in modules(part)]:
            self.assertNotIn("http", parts(module), module)

    def test_the_wire_formats_are_pure(self) -> None:
        for module in [module for part in PURE for module in modules(part)]:
            roots = {name.partition(".")[0] for name in imports(module)}
            self.assertEqual(roots & NOT_PURE, set(), module)

    def test_modules_that_call_themselves_pure_are(self) -> None:
        for module in [*of_the_server(), *modules("tools")]:
            says = ast.get_docstring(ast.parse((FOLDER / f"{module}.py").read_text())) or ""
            if re.search(r"\bPure\b", says):
                roots = {name.partition(".")[0] for name in imports(module)}
                self.assertEqual(roots & NOT_PURE, set(), module)

    def test_the_rules_of_the_doctor_are_pure(self) -> None:
        for module in PURE_OF_DOCTOR:
            roots = {name.partition(".")[0] for name in imports(module)}
            self.assertEqual(roots & (NOT_PURE | {"pathlib", "resource"}), set(), module)

    def test_tools_need_nothing_of_the_server_but_its_wire_formats(self) -> None:
        for module in modules("tools"):
            self.assertLessEqual(parts(module), FOR_TOOLS, module)

    def test_the_bosh_client_is_sans_io(self) -> None:
        """The random numbers are first RIDs."""
        for module in modules("tools/bosh"):
            roots = {name.partition(".")[0] for name in imports(module)}
            self.assertEqual(roots & (NOT_PURE - {"random"}), set(), module)

    def test_the_client_of_streams_is_sans_io(self) -> None:
        for module in modules("tools/stream"):
            roots = {name.partition(".")[0] for name in imports(module)}
            self.assertEqual(roots & NOT_PURE, set(), module)

    def test_what_tools_share_knows_no_program(self) -> None:
        shared = [module for module in modules("tools") if not module.startswith(PROGRAMS)]
        self.assertIn("tools/process", shared)
        for module in shared:
            of_programs = {name for name in imports(module) if name.startswith(PROGRAM_PACKAGES)}
            self.assertEqual(of_programs, set(), module)

    def test_net_alone_touches_the_insides_of_twisted(self) -> None:
        """The page has fields of reports, which are no objects of Twisted's."""
        allowed = {"os._exit", "socket.socket"}
        without = ("net/", "page/")
        for module in [module for module in of_the_server() if not module.startswith(without)]:
            names = {name for name in imports(module) if name.startswith("twisted.")}
            self.assertEqual({name for name in names if CLASSES_OF_TWISTED.match(name)}, set())
            self.assertEqual({name for name in names if "._" in name}, set(), module)
            used = {(each, each.rpartition(".")[2]) for each in foreign_attributes(module)}
            wrong = {
                each for each, name in used if name in INSIDES_OF_TWISTED or re.match("_[^_]", name)
            }
            self.assertEqual(wrong - allowed, set(), module)

    def test_the_admin_endpoint_alone_needs_twisted_web(self) -> None:
        needing = {
            module
            for line in ORDER
            for part in line
            for module in modules(part)
            if any(name.startswith("twisted.web") for name in imports(module))
        }
        self.assertEqual({module.partition("/")[0] for module in needing}, {"admin"})

    def test_no_process_loads_it_without_an_admin_endpoint(self) -> None:
        """After the end of an ECM all clients wait for the start of the next one."""
        for command in (
            "import ecm.service, ecm.workers.supervisor, ecm.workers.fork_server",
            "import ecm.service; o = ecm.service.Options();"
            " o.parseOptions(['--listen', 'tcp:0']); ecm.service.makeService(o)",
        ):
            command += "; import sys; print({'twisted.web', 'treq', 'ecm.admin'} & {*sys.modules})"
            with TemporaryDirectory() as folder:  # for the log file of twistd
                loaded = subprocess.run(
                    [sys.executable, "-c", command], capture_output=True, check=True, cwd=folder
                )
            self.assertEqual(loaded.stdout, b"set()\n")

    def test_a_supervisor_starts_without_a_server(self) -> None:
        command = (
            "import sys, ecm.service, ecm.workers.supervisor; print('ecm.server' in sys.modules)"
        )
        loaded = subprocess.run([sys.executable, "-c", command], capture_output=True, check=True)
        self.assertEqual(loaded.stdout, b"False\n")

    def test_workers_of_the_swarm_do_without_twisted(self) -> None:
        command = "import sys, ecm.tools.swarm.worker; print('twisted' in sys.modules)"
        loaded = subprocess.run([sys.executable, "-c", command], capture_output=True, check=True)
        self.assertEqual(loaded.stdout, b"False\n")
