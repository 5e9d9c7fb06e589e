"""The steps of a login, as far as servers differ in them."""

from twisted.trial.unittest import TestCase

from ecm.tools.bosh import stanzas
from ecm.tools.bosh.body import creation
from ecm.tools.bosh.login import Login, LoginError
from ecm.tools.bosh.login2 import Sasl2Login
from ecm.tools.bosh.session import Phase, Session

MECHANISMS = (
    b"<stream:features><mechanisms><mechanism>%b</mechanism></mechanisms></stream:features>"
)
CREATED = b"<body sid='s'>" + MECHANISMS % b"PLAIN" + b"</body>"
SUCCESS = b"<body><success xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/></body>"
BIND = b"<body><stream:features><bind/>%b</stream:features></body>"
BOUND = b"<body><iq type='result'><bind><jid>%b</jid></bind></iq></body>"


class LoginTests(TestCase):
    def setUp(self) -> None:
        self.login: Login[Session] = Login(
            "localhost",
            creation("localhost", 60, 1),
            "swarm",
            lambda session: stanzas.plain("user5", "secret"),
        )
        self.session = Session(1000)

    def go(self, *bodies: bytes) -> bytes:
        """Return the last request of a login with these answers."""
        request = self.login.begin(self.session)
        for body in bodies:
            request = self.session.next_body(*self.login.advance(self.session, body))
        return request

    def test_plain_in_five_requests(self) -> None:
        last = self.go(CREATED, SUCCESS, BIND % b"", BOUND % b"user5@localhost/swarm")
        self.assertEqual((self.session.phase, self.session.rid), (Phase.APPEARING, 1004))
        self.assertIn(b"><presence xmlns='jabber:client'/></body>", last)
        self.assertEqual(self.session.jid, b"user5@localhost/swarm")

    def test_online_with_its_own_presence(self) -> None:
        self.go(CREATED, SUCCESS, BIND % b"", BOUND % b"user5@localhost/swarm", b"<body/>")
        self.assertIs(self.session.phase, Phase.APPEARING)
        self.login.advance(self.session, b"<body><presence from='user5@localhost/swarm'/></body>")
        self.assertIs(self.session.phase, Phase.ONLINE)

    def test_features_that_come_later(self) -> None:
        request = self.go(b"<body sid='s'/>")
        self.assertTrue(request.endswith(b"xmlns='http://jabber.org/protocol/httpbind'/>"))
        self.assertIn(b"PLAIN", self.login.advance(self.session, b"<body>" + CREATED[14:])[0])

    def test_a_session_only_where_it_is_required(self) -> None:
        optional = b"<session xmlns='urn:ietf:params:xml:ns:xmpp-session'><optional/></session>"
        required = b"<session xmlns='urn:ietf:params:xml:ns:xmpp-session'/>"
        for offered, expected in ((optional, 0), (required, 1)):
            self.session = Session(1000)
            last = self.go(CREATED, SUCCESS, BIND % offered, BOUND % b"user5@localhost/swarm")
            self.assertEqual(last.count(b"<session"), expected)

    def test_refusals(self) -> None:
        failure = b"<body><failure xmlns='x'><not-authorized/></failure></body>"
        for answers, text in (
            ([b"<body/>"], "no session"),
            ([b"<body sid='s'>" + MECHANISMS % b"SCRAM-SHA-1"], "SASL PLAIN is not offered"),
            ([CREATED, failure], "SASL not-authorized"),
            ([CREATED, SUCCESS, BIND % b"", b"<iq type='error'><error/></iq>"], "no resource"),
        ):
            self.session = Session(1000)
            error = self.assertRaises(LoginError, self.go, *answers)
            self.assertEqual(str(error), text)


FEATURES = b"<stream:features><authentication xmlns='urn:xmpp:sasl:2'/></stream:features>"
CREATED2 = b"<body sid='s'>" + FEATURES + b"</body>"
SUCCESS2 = (
    b"<body><success xmlns='urn:xmpp:sasl:2'>%b<authorization-identifier>user5@localhost/swarm.1"
    b"</authorization-identifier></success></body>"
)
BOUND2 = b"<bound xmlns='urn:xmpp:bind:0'/>"


class Sasl2LoginTests(TestCase):
    def setUp(self) -> None:
        step = stanzas.authenticate("PLAIN", b"x", stanzas.bind2("swarm"))
        self.login: Sasl2Login[Session] = Sasl2Login(
            creation("localhost", 60, 1), lambda session: "user5@localhost", lambda session: step
        )
        self.session = Session(1000)

    def go(self, *bodies: bytes) -> bytes:
        """Return the last request of a login with these answers."""
        request = self.login.begin(self.session)
        for body in bodies:
            request = self.session.next_body(*self.login.advance(self.session, body))
        return request

    def test_three_requests(self) -> None:
        self.assertIn(b' from="user5@localhost"', self.go())
        self.assertIn(
            b"<authenticate xmlns='urn:xmpp:sasl:2' mechanism='PLAIN'>", self.go(CREATED2)
        )
        self.session = Session(1000)
        last = self.go(CREATED2, SUCCESS2 % BOUND2)
        self.assertIn(b"><presence xmlns='jabber:client'/></body>", last)
        self.assertEqual((self.session.phase, self.session.rid), (Phase.APPEARING, 1002))
        self.assertEqual(self.session.jid, b"user5@localhost/swarm.1")
        self.login.advance(self.session, b"<body><presence/></body>")
        self.assertIs(self.session.phase, Phase.ONLINE)

    def test_answers_that_come_later(self) -> None:
        request = self.go(b"<body sid='s'/>", b"<body>" + FEATURES + b"</body>", b"<body/>")
        self.assertIs(self.session.phase, Phase.AUTHENTICATING)
        self.assertTrue(request.endswith(b"xmlns='http://jabber.org/protocol/httpbind'/>"))

    def test_refusals(self) -> None:
        failure = b"<body><failure xmlns='x'><not-authorized/></failure></body>"
        for answers, text in (
            ([b"<body/>"], "no session"),
            ([CREATED], "SASL2 is not offered"),
            ([CREATED2, failure], "SASL not-authorized"),
            ([CREATED2, SUCCESS2 % b""], "no resource"),
        ):
            self.session = Session(1000)
            error = self.assertRaises(LoginError, self.go, *answers)
            self.assertEqual(str(error), text)
