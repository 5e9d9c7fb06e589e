"""README.md quotes what was measured last."""

from twisted.trial.unittest import TestCase

from bench.report.readme import FILE, renewed, streams


class ReadmeTests(TestCase):
    maxDiff = None

    def test_the_table_is_up_to_date(self) -> None:
        text = FILE.read_text()
        self.assertEqual(text, renewed(text), "run: make bench-readme")

    def test_rows_of_streams(self) -> None:
        result = {
            "memory": [
                {
                    "way": "websocket",
                    "server": "Megaphone",
                    "parts": {"ECM": 1300, "sockets": 4000},
                },
                {"way": "websocket", "server": "ejabberd", "parts": {"ejabberd": 75_000}},
                {"way": "tls", "server": "Megaphone", "parts": {"ECM": 1900}},
            ],
            "chats": [
                {"way": "websocket", "server": server, "full": {"cpu": {"a": cpu, "b": 20}}}
                for server, cpu in (("Megaphone", 80), ("ejabberd", 180), ("Megaphone", 90))
            ],
        }
        memory, cpu = streams([result])
        self.assertEqual((memory.ours, memory.others), ("**5,300**", "ejabberd 75,000"))
        self.assertEqual((cpu.ours, cpu.others), ("**105**", "ejabberd 200"))
