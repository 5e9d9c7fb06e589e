"""The steps of a login, as far as servers differ in them."""

from twisted.trial.unittest import TestCase

from ecm.tools.bosh.body import Requests
from ecm.tools.bosh.login import Login, LoginError
from ecm.tools.swarm.accounts import Accounts
from ecm.tools.swarm.user import Phase, User

MECHANISMS = (
    b"<stream:features><mechanisms><mechanism>%b</mechanism></mechanisms></stream:features>"
)
CREATED = b"<body sid='s'>" + MECHANISMS % b"PLAIN" + b"</body>"
SUCCESS = b"<body><success xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/></body>"
BIND = b"<body><stream:features><bind/>%b</stream:features></body>"
BOUND = b"<body><iq type='result'><bind><jid>%b</jid></bind></iq></body>"


class LoginTests(TestCase):
    def setUp(self) -> None:
        requests = Requests("127.0.0.1", "/http-bind", "localhost", 60, 1)
        self.login = Login(requests, Accounts("user{}:secret"), "localhost")
        self.anonymous = Login(requests, None, "localhost")
        self.user = User(5, 1000, 0.0)

    def go(self, *bodies: bytes) -> bytes:
        """Return the last request of a login with these answers."""
        request = self.login.begin(self.user)
        for body in bodies:
            request = self.login.go_on(self.user, body)
        return request

    def test_plain_in_five_requests(self) -> None:
        last = self.go(CREATED, SUCCESS, BIND % b"", BOUND % b"user5@localhost/swarm")
        self.assertEqual((self.user.phase, self.user.rid), (Phase.APPEARING, 1004))
        self.assertIn(b"><presence xmlns='jabber:client'/></body>", last)
        self.assertIsNone(self.user.jid)
        self.assertEqual(self.login.jid(self.user), b"user5@localhost/swarm")

    def test_online_with_its_own_presence(self) -> None:
        self.go(CREATED, SUCCESS, BIND % b"", BOUND % b"user5@localhost/swarm", b"<body/>")
        self.assertIs(self.user.phase, Phase.APPEARING)
        self.login.go_on(self.user, b"<body><presence from='user5@localhost/swarm'/></body>")
        self.assertIs(self.user.phase, Phase.ONLINE)

    def test_another_jid_is_kept(self) -> None:
        self.go(CREATED, SUCCESS, BIND % b"", BOUND % b"user5@localhost/other")
        self.assertEqual(self.login.jid(self.user), b"user5@localhost/other")

    def test_features_that_come_later(self) -> None:
        request = self.go(b"<body sid='s'/>")
        self.assertTrue(request.endswith(b"xmlns='http://jabber.org/protocol/httpbind'/>"))
        self.assertIn(b"PLAIN", self.login.go_on(self.user, b"<body>" + CREATED[14:]))

    def test_a_session_only_where_it_is_required(self) -> None:
        optional = b"<session xmlns='urn:ietf:params:xml:ns:xmpp-session'><optional/></session>"
        required = b"<session xmlns='urn:ietf:params:xml:ns:xmpp-session'/>"
        for offered, expected in ((optional, 0), (required, 1)):
            self.user = User(5, 1000, 0.0)
            last = self.go(CREATED, SUCCESS, BIND % offered, BOUND % b"user5@localhost/swarm")
            self.assertEqual(last.count(b"<session"), expected)

    def test_refusals(self) -> None:
        failure = b"<body><failure xmlns='x'><not-authorized/></failure></body>"
        for answers, text in (
            ([b"<body/>"], "no session"),
            ([b"<body sid='s' hold='2'/>"], "a hold above 1 is granted: use --hold 1"),
            ([b"<body sid='s'>" + MECHANISMS % b"SCRAM-SHA-1"], "SASL PLAIN is not offered"),
            ([CREATED, failure], "SASL not-authorized"),
            ([CREATED, SUCCESS, BIND % b"", b"<iq type='error'><error/></iq>"], "no resource"),
        ):
            self.user = User(5, 1000, 0.0)
            error = self.assertRaises(LoginError, self.go, *answers)
            self.assertEqual(str(error), text)
