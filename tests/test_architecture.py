"""What may import what, read from the sources."""

import ast
import subprocess
import sys
from pathlib import Path

from twisted.trial.unittest import TestCase

import ecm

FOLDER = Path(ecm.__file__).parent

# The wire formats: bytes in, bytes out. No I/O, and no clock.
PURE = [
    *(
        "bosh",
        "budget",
        "chunks",
        "content_type",
        "cors",
        "head",
        "heads",
        "incoming",
        "limits",
        "packet",
        "proxy_header",
        "request",
        "request_parser",
        "response",
    ),
    *("budget", "settings", "source", "typed", "proof", "dialogue", "origin", "byte_range"),
    *("waiting", "gathering"),
    "backoff",
]
NOT_PURE = {"twisted", "time", "datetime", "socket", "asyncio", "select", "random", "os"}

# Of ecm-doctor all but what reads files and prints.
PURE_OF_DOCTOR = [
    *("proc", "machine", "plan", "costs", "mending", "rules", "diagnosis", "report"),
]

# Each module may import of ecm only what stands above it.
LAYERS = [
    *("limits", "content_type", "counters", "errors", "hurry", "backoff", "pool", "packet"),
    *(
        "proxy_header",
        "request",
        "head",
        "chunks",
        "request_parser",
        "incoming",
        "heads",
        "response",
        "cors",
        "bosh",
    ),
    *("source", "settings", "typed", "proof", "dialogue"),
    *("waiting", "gathering"),
    *("clock", "transport", "pages", "sockets", "framer", "table", "link", "upstream"),
    *("budget", "taking", "connection", "idlest", "sending"),
    *("page_connection", "exchange", "client", "refused", "clients", "proxied"),
    *("byte_range", "files", "static", "web"),
    *("instance", "ports", "open_files", "channel", "acceptor", "doors", "worker_log", "worker"),
    *("nursery_process", "nursery", "seat", "workers"),
    *("memory", "numbers", "origin", "options", "service"),
]


def imports(module: str) -> set[str]:
    """The full names of what a module of ecm imports, anywhere in it."""
    found: set[str] = set()
    for node in ast.walk(ast.parse((FOLDER / f"{module}.py").read_text())):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.update({node.module} - {"ecm"})
            if node.module == "ecm":
                found.update(f"ecm.{alias.name}" for alias in node.names)
    return found


class ArchitectureTests(TestCase):
    def test_the_wire_formats_are_pure(self) -> None:
        for module in PURE:
            roots = {name.partition(".")[0] for name in imports(module)}
            self.assertEqual(roots & NOT_PURE, set(), module)

    def test_imports_go_one_way(self) -> None:
        for place, module in enumerate(LAYERS):
            ours = {name[4:] for name in imports(module) if name.startswith("ecm.")}
            if module == "memory":
                ours.remove("doctor.reader")  # which knows where the kernel says how much there is
            self.assertLessEqual(ours - {"__version__"}, set(LAYERS[:place]), module)

    def test_every_module_has_its_layer(self) -> None:
        modules = {path.stem for path in FOLDER.glob("*.py")} - {"__init__"}
        self.assertEqual(modules, set(LAYERS))

    def test_the_server_does_without_the_demo_and_the_swarm(self) -> None:
        for module in LAYERS:
            self.assertFalse(any(name.startswith("ecm.demo") for name in imports(module)), module)
            self.assertFalse(any(name.startswith("ecm.swarm") for name in imports(module)), module)

    def test_the_rules_of_the_doctor_are_pure(self) -> None:
        for module in PURE_OF_DOCTOR:
            roots = {name.partition(".")[0] for name in imports(f"doctor/{module}")}
            self.assertEqual(roots & (NOT_PURE | {"pathlib", "resource"}), set(), module)

    def test_the_doctor_needs_nothing_of_the_server_but_its_limits(self) -> None:
        for path in (FOLDER / "doctor").glob("*.py"):
            needed = {name for name in imports(f"doctor/{path.stem}") if name.startswith("ecm.")}
            others = {name for name in needed if not name.startswith("ecm.doctor")}
            self.assertLessEqual(others, {"ecm.limits"}, path.stem)

    def test_only_files_need_twisted_web(self) -> None:
        for module in set(LAYERS) - {"web", "static"}:
            self.assertFalse(any(name.startswith("twisted.web") for name in imports(module)))

    def test_workers_of_the_swarm_do_without_twisted(self) -> None:
        command = "import sys, ecm.swarm.worker; print('twisted' in sys.modules)"
        loaded = subprocess.run([sys.executable, "-c", command], capture_output=True, check=True)
        self.assertEqual(loaded.stdout, b"False\n")
