"""Descriptions of endpoints in their parts."""

from twisted.trial.unittest import TestCase

from ecm.description import Description, described, is_port

PARTS = {
    "": Description("", (), {}),
    "tcp": Description("tcp", (), {}),
    "tcp:": Description("tcp", ("",), {}),
    "tcp:80:interface=127.0.0.1": Description("tcp", ("80",), {"interface": "127.0.0.1"}),
    r"tcp6:80:interface=\:\:1": Description("tcp6", ("80",), {"interface": "::1"}),
    r"unix:/a\:b\=c": Description("unix", ("/a:b=c",), {}),
    r"unix:/a\\:mode=660": Description("unix", ("/a\\",), {"mode": "660"}),
    "a:b=c=d": Description("a", (), {"b": "c=d"}),
}


class DescriptionTests(TestCase):
    def test_parts(self) -> None:
        for text, expected in PARTS.items():
            self.assertEqual(described(text), expected, text)

    def test_a_part_is_named_or_has_its_place(self) -> None:
        self.assertEqual(described("tcp:a:80").value("port", 1), "80")
        self.assertEqual(described("tcp:a:port=80").value("port", 1), "80")
        self.assertEqual(described("tcp:a").value("port", 1), "")

    def test_ports(self) -> None:
        for text in ("0", "80", "65535"):
            self.assertTrue(is_port(text), text)
        for text in ("", "-1", "65536", "8x", "080808", "٣"):
            self.assertFalse(is_port(text), text)
