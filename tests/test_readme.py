"""README.md quotes what was measured last."""

from twisted.trial.unittest import TestCase

from bench.report.readme import FILE, memory, renewed, streams


class ReadmeTests(TestCase):
    maxDiff = None

    def test_the_table_is_up_to_date(self) -> None:
        text = FILE.read_text()
        self.assertEqual(text, renewed(text), "run: make bench-readme")

    def test_tls_stands_beside_tls(self) -> None:
        names = ("ECM", "nginx, proxy", "ECM, TLS", "ECM, lean TLS", "nginx, TLS")
        found = [{"name": name, "rss": 1000.0 * place} for place, name in enumerate(names)]
        plain, over_tls = memory(found)
        self.assertEqual((plain.ours, plain.others), ("**0**", "nginx, proxy 1,000"))
        self.assertEqual(over_tls.ours, "**3,000**")
        self.assertEqual(over_tls.others, "ECM, TLS 2,000; nginx, TLS 4,000")
        self.assertEqual(len(list(memory(found[:3]))), 1)

    def test_rows_of_streams(self) -> None:
        result = {
            "memory": [
                {
                    "way": "websocket",
                    "server": "Megaphone",
                    "users": 15_000,
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
        self.assertTrue(memory.what.endswith(", of 15,000"))
        self.assertEqual((cpu.ours, cpu.others), ("**105**", "ejabberd 200"))
