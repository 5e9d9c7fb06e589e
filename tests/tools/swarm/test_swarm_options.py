"""The command line of ``ecm-swarm``."""

import io
from contextlib import redirect_stderr

from twisted.trial.unittest import TestCase

from ecm.tools.swarm import workers
from ecm.tools.swarm.options import parse

URL = "http://127.0.0.1:7080/http-bind"


class OptionTests(TestCase):
    def refused(self, *arguments: str) -> str:
        """The line that is said to them."""
        said = io.StringIO()
        with redirect_stderr(said):
            exited = self.assertRaises(SystemExit, parse, arguments)
        self.assertEqual(exited.code, 2)
        self.assertEqual(said.getvalue().count("\n"), 1)
        return said.getvalue()

    def test_defaults(self) -> None:
        options = parse([URL])
        self.assertEqual((options.users, options.processes, options.rate), (100, 1, 100.0))
        self.assertEqual((options.wait, options.hold, options.connections), (60, 1, 1))
        self.assertFalse(options.talks)

    def test_another_machine_only_when_told_so(self) -> None:
        self.assertIn("--target-is-mine", self.refused("http://192.0.2.1/"))
        self.assertEqual(parse(["http://192.0.2.1/", "--target-is-mine"]).target.port, 80)

    def test_a_transport(self) -> None:
        options = parse(["ws://127.0.0.1/ws"])
        self.assertEqual((options.target.transport, options.connections), ("websocket", 1))
        self.assertEqual(parse(["xmpp://127.0.0.1", "--transport", "tls"]).target.tls, "starttls")

    def test_a_certificate_is_looked_at_unless_told_otherwise(self) -> None:
        for arguments, trusted in (
            ((), ""),
            (("--ca", __file__), __file__),
            (("--insecure",), None),
        ):
            options = parse(["https://127.0.0.1/", *arguments])
            self.assertEqual(options.trusted, trusted)
            self.assertEqual(workers.tasks(options)[0].trusted, trusted)

    def test_max(self) -> None:
        options = parse([URL, "--rate", "max", "--poll-rate", "max"])
        self.assertEqual((options.rate, options.poll_rate), (None, None))
        self.assertTrue(options.talks)

    def test_mistakes(self) -> None:
        for arguments, text in (
            ([], "URL"),
            (["ftp://127.0.0.1/"], "give the URL of a server"),
            (["https://127.0.0.1/", "--transport", "tls"], "that URL is for bosh or websocket"),
            ([URL, "--transport", "smoke"], "--transport"),
            (["ws://127.0.0.1/", "--wait", "60"], "--wait is for BOSH"),
            (["ws://127.0.0.1/", "--hold", "1"], "--hold is for BOSH"),
            (["xmpp://127.0.0.1/", "--connections", "2"], "--connections is for BOSH"),
            (["xmpps://127.0.0.1/", "--poll-rate", "max"], "over tls"),
            ([URL, "--users", "0"], "number from 1"),
            ([URL, "--rate", "-1"], "--rate"),
            ([URL, "--rate", "0"], "'0': nobody would ever log in; give more, or max"),
            ([URL, "--ca", "/no/file"], "'/no/file' is no file"),
            ([URL, "--rate", "1e9"], "a number a second, or max"),
            ([URL, "--wait", "x"], "number from 1 to 3600"),
            ([URL, "--accounts", "user:secret"], "{} for the number"),
            ([URL, "--sources", "127.0.0.2-127.0.0.1"], "the least first"),
            ([URL, "--messages", "10"], "--messages needs --message-rate"),
            (
                [URL, "--messages", "1", "--message-rate", "1", "--duration", "1"],
                "give one of them",
            ),
            ([URL, "--users", "5", "--processes", "6"], "--processes 6: give from 1 to 5"),
            ([URL, "--users", "14001"], "2 addresses"),
            ([URL, "--users", "7001", "--connections", "2"], "2 addresses"),
            ([URL, "--domain", "a'b"], "not a domain"),
            ([URL, "--duration", "inf"], "give seconds"),
            ([URL, "--login", "x"], "--login"),
            ([URL, "--storm", "0"], "--storm"),
            (
                [URL, "--storm", "1", "--message-rate", "1", "--messages", "1"],
                "give --duration, not --messages",
            ),
            ([URL, "--storm", "14001"], "2 addresses"),
            ([URL, "--login", "sasl2", "--anonymous"], "--login sasl2 names the user"),
            ([URL, "--login", "scram", "--anonymous"], "--login scram names the user"),
        ):
            self.assertIn(text, self.refused(*arguments))

    def test_processes_for_all_users(self) -> None:
        many = ["--users", "100000", "--sources", "127.1.0.1-127.1.0.9"]
        self.assertGreater(parse([URL, *many]).processes, 0)


class ShareTests(TestCase):
    def test_who_comes_with_a_storm(self) -> None:
        options = parse([URL, "--users", "10", "--storm", "95", "--processes", "4"])
        self.assertEqual(options.users, 105)
        tasks = workers.tasks(options)
        self.assertEqual(sum(task.storm for task in tasks), 95)
        for task in tasks:
            self.assertIn(task.users - task.storm, (2, 3))

    def test_what_each_worker_gets(self) -> None:
        options = parse(
            [URL, "--users", "10", "--first", "100", "--processes", "3", "--rate", "30"]
            + ["--sources", "127.1.0.1-127.1.0.7", "--message-rate", "max", "--messages", "7"]
            + ["--login", "sasl2"]
        )
        tasks, talks = workers.tasks(options), workers.talks(options)
        numbers = [range(task.first, task.first + task.users) for task in tasks]
        self.assertEqual([n for several in numbers for n in several], [*range(100, 110)])
        self.assertEqual(sorted(s for task in tasks for s in task.sources), options.sources)
        self.assertEqual([task.rate for task in tasks], [10.0] * 3)
        self.assertEqual([task.transport for task in tasks], ["bosh"] * 3)
        self.assertEqual([task.login for task in tasks], ["sasl2"] * 3)
        self.assertEqual(sum(talk.messages or 0 for talk in talks), 7)
        self.assertEqual([talk.message_rate for talk in talks], [None] * 3)
