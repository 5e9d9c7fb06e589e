"""A link that resumes under Hypothesis: its bytes are read in pieces, and it is cut anywhere."""

import attrs
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from testkit.in_memory import TYPED, Joined
from testkit.resuming_peer import HELLO, ResumingPeer

CUT = st.integers(0, 5000)

# Nothing is refused here because it took too long.
FOR_EVER = 100_000
PATIENT = attrs.evolve(TYPED, link_grace=FOR_EVER, link_timeout=FOR_EVER, stream_window=1000)


class CutLink(RuleBasedStateMachine):
    """The bytes of each direction are read in pieces; a cut loses what has not been read.

    ``hello`` is that of mod_ecm, as a packet.
    """

    hello = HELLO

    def __init__(self) -> None:
        super().__init__()
        self.ecm = Joined(link=PATIENT)
        self.ecm.pool.pressure.patience = FOR_EVER
        self.peer = ResumingPeer(self.hello)
        self.to_peer = self.to_ecm = b""
        self.connected = True

    # Bytes on their way.

    @precondition(lambda self: self.connected)
    @rule(size=CUT)
    def peer_reads(self, size: int) -> None:
        self.to_peer += self.ecm.link_transport.written()
        data, self.to_peer = self.to_peer[:size], self.to_peer[size:]
        self.to_ecm += self.peer.receive(data)

    @precondition(lambda self: self.connected)
    @rule(size=CUT)
    def ecm_reads(self, size: int) -> None:
        data, self.to_ecm = self.to_ecm[:size], self.to_ecm[size:]
        if data:
            self.ecm.link.dataReceived(data)

    @precondition(lambda self: self.connected)
    @rule()
    def all_is_read(self) -> None:
        while self.to_ecm or self.to_peer or self.ecm.link_transport.value():
            self.peer_reads(10**9)
            self.ecm_reads(10**9)

    @precondition(lambda self: self.connected)
    @rule(ecm_first=st.booleans())
    def cut(self, ecm_first: bool) -> None:
        if ecm_first:  # the peer reads what was on its way
            self.peer_reads(10**9)
        self.ecm.link_down()
        self.to_peer = self.to_ecm = b""
        self.connected = False

    @precondition(lambda self: not self.connected)
    @rule()
    def connect(self) -> None:
        self.peer.connect()
        self.to_peer = self.to_ecm = b""
        self.ecm.link_up()
        self.connected = True

    @precondition(lambda self: self.connected)
    @rule(takes=st.booleans())
    def transport(self, takes: bool) -> None:
        if self.ecm.link_transport.watcher is not None:
            (self.ecm.queue.resumeProducing if takes else self.ecm.queue.pauseProducing)()

    @rule(seconds=st.sampled_from([1, 1, 2]))
    def wait(self, seconds: int) -> None:
        self.ecm.pass_time(seconds)
        if self.connected and not self.ecm.link_transport.connected:  # too slow for its time-outs
            self.to_peer = self.to_ecm = b""
            self.connected = False

    @precondition(lambda self: self.connected)
    @rule()
    def acknowledge(self) -> None:
        self.to_ecm += self.peer.acknowledge()

    @invariant()
    def no_end_finds_fault_with_the_other(self) -> None:
        assert self.connected is self.ecm.link_transport.connected
