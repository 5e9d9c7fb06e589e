"""What may import what, read from the sources."""

import ast
from pathlib import Path

from twisted.trial.unittest import TestCase

import ecm

FOLDER = Path(ecm.__file__).parent

# The wire formats: bytes in, bytes out. No I/O, and no clock.
PURE = [
    *("bosh", "cors", "heads", "limits", "packet", "proxy_header", "request", "response"),
    *("settings", "source", "typed", "proof", "dialogue"),
]
NOT_PURE = {"twisted", "time", "datetime", "socket", "asyncio", "select", "random", "os"}

# Each module may import of ecm only what stands above it.
LAYERS = [
    *("limits", "counters", "packet", "proxy_header", "request", "heads", "response"),
    *("cors", "bosh"),
    *("source", "settings", "typed", "proof", "dialogue"),
    *("clock", "transport", "framer", "table", "link", "upstream"),
    *("connection", "exchange", "client", "refused", "clients", "proxied", "web"),
    *("numbers", "options", "service"),
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
            self.assertLessEqual(ours - {"__version__"}, set(LAYERS[:place]), module)

    def test_every_module_has_its_layer(self) -> None:
        modules = {path.stem for path in FOLDER.glob("*.py")} - {"__init__"}
        self.assertEqual(modules, set(LAYERS))

    def test_the_server_does_without_the_demo(self) -> None:
        for module in LAYERS:
            self.assertFalse(any(name.startswith("ecm.demo") for name in imports(module)), module)

    def test_only_web_needs_twisted_web(self) -> None:
        for module in set(LAYERS) - {"web"}:
            self.assertFalse(any(name.startswith("twisted.web") for name in imports(module)))
