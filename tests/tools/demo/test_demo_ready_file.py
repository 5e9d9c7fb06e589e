"""The file that says that the demo runs."""

import json
from pathlib import Path
from tempfile import TemporaryDirectory

from twisted.trial.unittest import TestCase

from ecm.tools.demo import ready_file
from ecm.tools.demo.folder import Folder
from ecm.tools.demo.plan import Plan
from ecm.tools.errors import ToolError

_PLAN = Plan(Folder(Path("/demo")), 25280, 25222, 25290, 25369, {"alice": "secret"})


class ReadyFileTest(TestCase):
    def setUp(self) -> None:
        self.folder = Path(self.enterContext(TemporaryDirectory()))
        self.path = self.folder / "ready.json"

    def test_content(self) -> None:
        ready_file.write(self.path, _PLAN, ecm_pid=1, ejabberd_pid=2)
        self.assertEqual(
            json.loads(self.path.read_text()),
            {
                "websocket": "ws://127.0.0.1:25280/ws",
                "bosh": "http://127.0.0.1:25280/http-bind",
                "xmpp": "127.0.0.1:25222",
                "certificate": "/demo/certificates/localhost.pem",
                "page": "http://127.0.0.1:25280/",
                "link": "127.0.0.1:25290",
                "secret": "/demo/ejabberd/link.secret",
                "domain": "localhost",
                "users": {"alice": "secret"},
                "pids": {"ecm": 1, "ejabberd": 2},
                "dir": "/demo",
                "logs": "/demo/logs",
            },
        )

    def test_is_replaced_and_leaves_nothing_beside_it(self) -> None:
        for pid in (2, 3):
            ready_file.write(self.path, _PLAN, ecm_pid=1, ejabberd_pid=pid)
        self.assertEqual(json.loads(self.path.read_text())["pids"]["ejabberd"], 3)
        self.assertEqual(list(self.folder.iterdir()), [self.path])

    def test_there_is_none_before_the_start_and_after_the_end(self) -> None:
        self.path.write_text("of an earlier demo")
        with ready_file.kept(self.path):
            self.assertFalse(self.path.exists())
            ready_file.write(self.path, _PLAN, ecm_pid=1, ejabberd_pid=2)
        self.assertFalse(self.path.exists())

    def test_no_folder_for_it(self) -> None:
        with (
            self.assertRaisesRegex(ToolError, "not a folder"),
            ready_file.kept(self.folder / "missing" / "ready.json"),
        ):
            self.fail("went on without a folder")

    def test_none_wanted(self) -> None:
        with ready_file.kept(None):
            ready_file.write(None, _PLAN, ecm_pid=1, ejabberd_pid=2)
