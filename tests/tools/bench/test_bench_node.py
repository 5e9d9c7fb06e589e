"""The node of a measurement, which says what it cannot do."""

from pathlib import Path
from tempfile import TemporaryDirectory

from twisted.trial.unittest import TestCase

from bench import node as bench_node
from bench.node import Kind, node
from ecm.tools.ejabberd import installation
from ecm.tools.errors import ToolError
from testkit.compiled import compiled


class NodeTest(TestCase):
    timeout = 120

    def test_it_answers_or_says_that_it_failed(self) -> None:
        folder = Path(self.enterContext(TemporaryDirectory()))
        with node(Kind.LINK, bench_node.compiled(folder, compiled(installation.find()))) as subject:
            self.assertRaisesRegex(
                ToolError, "'nonsense'.*failed.*function_clause", subject.ask, "nonsense"
            )
            version = subject.ask("versions")["ejabberd"]
            self.assertIn(installation.find().version, version)
            self.assertEqual(subject.ask("sessions"), {"sessions": 0})
