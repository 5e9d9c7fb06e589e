"""ECM's end of the link, packet by packet."""

import attrs
from twisted.trial.unittest import TestCase

from ecm.limits import HELLO_TIMEOUT, MAX_PINGS
from ecm.link import requests
from ecm.link.agreement import Agreement, Previous
from ecm.link.connection import LinkConnection
from ecm.link.events import (
    Answered,
    Close,
    Dropped,
    Established,
    Event,
    Failed,
    Misdirected,
    Part,
    PeerDraining,
    RoundTrip,
    Send,
)
from ecm.link.message import encode
from ecm.link.packet import PacketError
from ecm.link.settings import LinkMode, LinkSettings
from ecm.link.state import TRANSITIONS, State
from testkit.typed_vectors import (
    CONVERSATIONS,
    HELLO,
    NONCE,
    PROVEN,
    SECRET,
    VECTORS,
    content,
    named,
)

OTHER_SECRET = b"another secret of some length"

SETTINGS = LinkSettings(ping_interval=10, link_timeout=30, link_grace=0, stream_window=0)
AGREEMENT = Agreement("ejabberd@chat", 1048576, in_parts=True, resumes=False)


def begun(settings: LinkSettings = SETTINGS) -> LinkConnection:
    connection = LinkConnection(settings, "web1:4711", NONCE)
    connection.start(0)
    return connection


def typed() -> LinkConnection:
    connection = begun()
    connection.receive(0, HELLO, 0)
    return connection


class ConversationTests(TestCase):
    """The conversations that docs/protocol.md shows."""

    def test_ecm_says_what_it_says_there(self) -> None:
        for name in (
            *("hello, a request and its answer", "with a secret", "ejabberd stops"),
            *("a new link that can resume", "numbers of a node, and the sessions of a user"),
        ):
            conversation = CONVERSATIONS[name]
            secret = conversation["secret"].encode() if "secret" in conversation else None
            grace = 30 if name.endswith("resume") else 0
            settings = attrs.evolve(SETTINGS, secret=secret, link_grace=grace)
            connection = LinkConnection(settings, "web1:4711", NONCE)
            said = connection.start(0)
            for step in conversation["steps"]:
                if step["from"] == "ejabberd":
                    said += connection.receive(int(step["id"]), content(step), 0)
            sent = [event.content for event in said if isinstance(event, Send)]
            written = [content(step) for step in conversation["steps"] if step["from"] == "ecm"]
            others = (b"request", b"ping", b"inspect")
            ours = [each for each in written if not each.startswith(others)]
            self.assertEqual(sent, ours, name)
            self.assertEqual(connection.state.value, conversation["ends"], name)

    def test_a_request_that_comes_back_must_not_come_back_again(self) -> None:
        *_, back = CONVERSATIONS["a request for a session of another node"]["steps"]
        line = b"request peer=192.0.2.7:51234 secure=1 redirected=1\n"
        [event] = requests.receive(7, content(back), AGREEMENT)
        body = content(back).partition(b"\n")[2]
        self.assertEqual(event, Misdirected(7, "ejabberd@b", line, body))

    def test_a_load_comes_with_the_answer_to_a_ping(self) -> None:
        for load, told in (
            (b"", (None, "")),
            (b" load=20345", (20_345, "")),
            (b" cluster=0123456789abcdef load=7", (7, "0123456789abcdef")),
        ):
            connection = typed()
            connection.tick(SETTINGS.ping_interval)
            [event] = connection.receive(0, b"pong 1" + load, SETTINGS.ping_interval + 1)
            self.assertEqual(event, RoundTrip(1, *told))

    def test_a_link_that_has_been_there_before(self) -> None:
        for each in VECTORS["resumptions"]:
            previous = each["previous"]
            agreement = Agreement("", previous["max_packet"], in_parts=True, resumes=True)
            connection = LinkConnection(
                attrs.evolve(SETTINGS, link_grace=30),
                "web1:4711",
                NONCE,
                Previous(
                    previous["token"], agreement, previous["ecm_has"], 0, len(previous["from_ecm"])
                ),
            )
            said = connection.start(0)
            for step in each["steps"]:
                if step["from"] == "ejabberd":
                    said += connection.receive(int(step["id"]), content(step), 0)
            sent = [event.content for event in said if isinstance(event, Send)]
            about_link = [step for step in each["steps"] if step["id"] == "0"]
            written = [content(step) for step in about_link if step["from"] == "ecm"]
            self.assertEqual(sent, written, each["name"])
            self.assertEqual(connection.state.value, each["ends"], each["name"])

    def test_a_client_that_goes(self) -> None:
        steps = CONVERSATIONS["a client goes while its request is held"]["steps"]
        self.assertEqual(requests.cancel(7, "gone"), Send(7, content(steps[-1])))


class FirstPacketTests(TestCase):
    """The state of a link after its first packet."""

    def test_with_hello_it_is_typed(self) -> None:
        connection = begun()
        [up] = connection.receive(0, HELLO, 0)
        agreement = Agreement("ejabberd@chat", 1048576, in_parts=True, resumes=False)
        self.assertEqual(up, Established(agreement))
        assert isinstance(up, Established) and up.agreement is not None
        self.assertEqual(up.agreement.instance, "ejabberd@chat")
        self.assertTrue(connection.is_typed)

    def test_with_anything_else_it_is_closed(self) -> None:
        for settings in (SETTINGS, attrs.evolve(SETTINGS, secret=SECRET)):
            for connection_id, said in ((0, b"<body/>"), (0, b""), (0, b"ping 1"), (7, HELLO)):
                connection = begun(settings)
                told, close = connection.receive(connection_id, said, 0)
                self.assertEqual(told, error("unexpected", "hello must come first"))
                self.assertIn("A plain one needs --link-mode plain", reason(close))
                self.assertEqual(connection.receive(0, HELLO, 0), [])

    def test_with_silence_it_is_closed(self) -> None:
        connection = begun()
        self.assertEqual(connection.tick(HELLO_TIMEOUT - 1), [])
        said, close = connection.tick(HELLO_TIMEOUT)
        self.assertEqual(said, error("silent", "no hello came for 5 seconds"))
        self.assertIn("no hello came for 5 seconds; is that a mod_ecm?", reason(close))

    def test_plain_says_nothing(self) -> None:
        connection = LinkConnection(attrs.evolve(SETTINGS, mode=LinkMode.PLAIN), "x", NONCE)
        self.assertEqual(connection.start(0), [Established(None)])
        self.assertEqual(connection.tick(1000), [])
        for said in (b"<body/>", HELLO, b"error malformed x"):
            self.assertEqual(connection.receive(0, said, 0), [])
            self.assertEqual(connection.receive(7, said, 0), [Answered(7, 200, said)])
        self.assertEqual(connection.drain(), [])

    def test_a_hello_that_is_none_closes_it(self) -> None:
        for hello in (b"hello", HELLO.replace(b"version=1", b"version=x"), b"error"):
            said, close = begun().receive(0, hello, 0)
            assert isinstance(said, Send)
            self.assertTrue(said.content.startswith(b"error malformed "), said)
            self.assertIn("malformed hello", reason(close))

    def test_the_error_of_ejabberd_is_told(self) -> None:
        steps = CONVERSATIONS["no version in common"]["steps"]
        [close] = begun().receive(0, content(steps[1]), 0)
        self.assertEqual(reason(close), "ejabberd says: version ecm speaks 9, ejabberd speaks 1")

    def test_a_version_that_was_not_offered(self) -> None:
        said, close = begun().receive(0, HELLO.replace(b"version=1", b"version=2"), 0)
        self.assertEqual(said, error("version", "ecm speaks 1, ejabberd speaks 2"))
        self.assertIn("ecm speaks 1, ejabberd speaks 2", reason(close))

    def test_two_front_ends(self) -> None:
        said, close = begun().receive(0, HELLO.replace(b"role=ejabberd", b"role=ecm"), 0)
        self.assertEqual(said, error("unexpected", "two ecm"))
        self.assertIn("is an ECM, too", reason(close))


class SecretTests(TestCase):
    SECRETS = (
        (SECRET, HELLO, "ejabberd has no secret"),
        (None, PROVEN, "ejabberd wants a secret, give it with --link-secret-file"),
        (OTHER_SECRET, PROVEN, "the secret of ejabberd is another one"),
    )

    def test_what_does_not_prove_it_is_refused(self) -> None:
        for secret, hello, expected in self.SECRETS:
            connection = begun(attrs.evolve(SETTINGS, secret=secret))
            said, close = connection.receive(0, hello, 0)
            self.assertEqual(said, error("unproven", "the secret"))
            self.assertIn(expected, reason(close))
            self.assertIs(connection.state, State.CLOSED)

    def test_a_proof_for_another_link_is_none(self) -> None:
        connection = LinkConnection(attrs.evolve(SETTINGS, secret=SECRET), "web1:4711", "0" * 32)
        connection.start(0)
        _, close = connection.receive(0, PROVEN, 0)
        self.assertIn("another one", reason(close))


class TypedTests(TestCase):
    def test_answers(self) -> None:
        self.assertEqual(typed().receive(7, b"answer 403\nno", 0), [Answered(7, 403, b"no")])
        asked = Answered(7, 200, b"", "text/html")
        self.assertEqual(typed().receive(7, b"answer 200 content-type=text/html\n", 0), [asked])

    def test_parts_of_answers(self) -> None:
        self.assertEqual(typed().receive(7, b"part\nx", 0), [Part(7, b"x")])
        self.assertEqual(typed().receive(7, b"part size=2\n", 0), [Part(7, b"")])
        for hello in ("hello of mod_ecm", "hello of mod_ecm, with a secret"):
            secret = SECRET if "secret" in hello else None
            connection = begun(attrs.evolve(SETTINGS, secret=secret))
            connection.receive(0, content(named(hello)), 0)
            said, failed = connection.receive(7, b"part\nx", 0)
            self.assertEqual(said, Send(7, b"error unexpected part", droppable=True))
            assert isinstance(failed, Failed)

    def test_parts_that_are_too_many_are_told(self) -> None:
        told, failed = requests.reject(7, "an answer of more than 16777216 bytes")
        error = named("error about an answer in parts")
        self.assertEqual(told, Send(7, content(error), droppable=True))
        assert isinstance(failed, Failed)

    def test_a_client_is_dropped(self) -> None:
        self.assertEqual(typed().receive(7, b"close failed", 0), [Dropped(7, "failed")])

    def test_an_error_about_one_request_concerns_nothing_else(self) -> None:
        connection = typed()
        [failed] = connection.receive(7, b"error malformed bad-value", 0)
        self.assertEqual(failed, Failed(7, "ejabberd says: malformed bad-value"))
        self.assertTrue(connection.is_typed)

    def test_what_is_not_understood_on_a_connection_is_told_there(self) -> None:
        for said, code, text in (
            (b"frobnicate", "unknown-type", "frobnicate"),
            (b"x" * 1024, "unknown-type", "x" * 64),
            (b"answer", "malformed", "body-missing"),
            (b"request\n", "unexpected", "request"),
            (b"ping 1", "unexpected", "ping"),
            (b"drain", "unexpected", "drain"),
        ):
            connection = typed()
            answer, failed = connection.receive(7, said, 0)
            self.assertEqual(answer, Send(7, encode("error", [code, text]), droppable=True))
            assert isinstance(failed, Failed)
            self.assertTrue(connection.is_typed)

    def test_an_error_is_never_answered(self) -> None:
        for said in (b"error", b"error malformed", b"error x y\n"):
            [failed] = typed().receive(7, said, 0)
            assert isinstance(failed, Failed)

    def test_what_is_not_understood_on_the_link_itself_closes_it(self) -> None:
        for said, code, text in (
            (b"", "malformed", "bad-type"),
            (b"ping", "malformed", "bad-word"),
            (HELLO, "unexpected", "hello"),
            (b"answer 200\n", "unexpected", "answer"),
            (b"close gone", "unexpected", "close"),
            (b"proof " + b"0" * 64, "unexpected", "proof"),
        ):
            connection = typed()
            answer, close = connection.receive(0, said, 0)
            self.assertEqual(answer, error(code, text))
            self.assertIn(f"{code}, {text}", reason(close))
            self.assertEqual(connection.receive(7, b"answer 200\n", 0), [])
            self.assertEqual(connection.tick(0), [])

    def test_types_of_another_version_are_passed_over_on_the_link_itself(self) -> None:
        self.assertEqual(typed().receive(0, b"frobnicate x=y", 0), [])

    def test_what_is_no_packet_is_told_and_closes_it(self) -> None:
        said, close = typed().malformed(PacketError("id-too-large", b"000"))
        self.assertEqual(said, error("malformed", "id-too-large"))
        self.assertIn("a malformed packet: id-too-large", reason(close))

    def test_what_comes_after_the_end_is_nothing(self) -> None:
        connection = typed()
        connection.receive(0, b"error silent x", 0)
        self.assertEqual(connection.malformed(PacketError("id-too-large", b"000")), [])
        self.assertEqual(connection.receive(0, b"ping 1", 0) + connection.tick(99, 99), [])

    def test_ejabberd_drains(self) -> None:
        connection = typed()
        self.assertEqual(connection.receive(0, b"drain", 0), [PeerDraining()])
        self.assertEqual(connection.receive(0, b"drain", 0), [PeerDraining()])
        self.assertEqual(connection.receive(7, b"answer 200\n", 0), [Answered(7, 200, b"")])
        self.assertIs(connection.state, State.DRAINING)

    def test_ecm_drains(self) -> None:
        self.assertEqual(typed().drain(), [Send(0, b"drain")])


class PingTests(TestCase):
    def test_a_ping_is_answered(self) -> None:
        self.assertEqual(typed().receive(0, b"ping a=b", 0), [Send(0, b"pong a=b", droppable=True)])

    def test_pings_go_out_one_at_a_time_and_their_time_is_measured(self) -> None:
        connection = typed()
        self.assertEqual(connection.tick(9), [])
        self.assertEqual(connection.tick(10), [Send(0, b"ping 1")])
        connection.last_received = 20
        self.assertEqual(connection.tick(21), [])
        self.assertEqual(connection.receive(0, b"pong 2", 21), [])
        self.assertEqual(connection.receive(0, b"pong 1", 21.5), [RoundTrip(11.5)])
        self.assertEqual(connection.receive(0, b"pong 1", 22), [])
        self.assertEqual(connection.tick(22), [Send(0, b"ping 2")])

    def test_a_dead_peer_is_found_in_time(self) -> None:
        connection = typed()
        self.assertEqual(connection.tick(29), [Send(0, b"ping 1")])
        said, close = connection.tick(30)
        self.assertEqual(said, error("silent", "nothing came for 30 seconds"))
        self.assertIs(connection.state, State.CLOSED)

    def test_whatever_comes_is_a_sign_of_life(self) -> None:
        connection = typed()
        connection.last_received = 25
        self.assertNotIsInstance(connection.tick(54)[-1], Close)
        self.assertIsInstance(connection.tick(55)[-1], Close)

    def test_a_flood_of_pings_closes_the_link(self) -> None:
        connection = typed()
        for _ in range(3):
            for _ in range(MAX_PINGS):
                self.assertEqual(len(connection.receive(0, b"ping 1", 0)), 1)
            connection.tick(1)
        for _ in range(MAX_PINGS):
            connection.receive(0, b"ping 1", 1)
        said, close = connection.receive(0, b"ping 1", 1)
        self.assertEqual(said, error("flood", "too many pings"))


class TableTests(TestCase):
    def test_every_state_but_the_last_leads_on_to_it(self) -> None:
        self.assertEqual(set(TRANSITIONS), set(State) - {State.CLOSED})
        for inputs in TRANSITIONS.values():
            self.assertIn(State.CLOSED, inputs.values())


def error(code: str, text: str) -> Send:
    return Send(0, encode("error", [code, text]))


def reason(event: Event) -> str:
    assert isinstance(event, Close), event
    return event.reason
