"""The close handshake, by its table."""

from twisted.trial.unittest import TestCase

from ecm.websocket.closing import TRANSITIONS, Input, State, Step

STATES = (State.OPEN, State.CLOSING, State.CLOSED)
INPUTS = (Input.LEAVE, Input.CLOSE, Input.FAULT)


class ClosingTests(TestCase):
    def test_each_state_knows_each_event(self) -> None:
        self.assertEqual(set(TRANSITIONS), {(state, each) for state in STATES for each in INPUTS})

    def test_no_way_says_close_twice_and_each_ends_once(self) -> None:
        """Both have said Close, or one has broken the protocol: then it ends, and stays so."""

        def follow(state: int, said: int, ended: int, depth: int) -> None:
            self.assertLessEqual((said, ended), (1, 1))
            self.assertEqual(state == State.CLOSED, bool(ended))
            self.assertEqual(state == State.OPEN, not said)
            for each in INPUTS if depth else ():
                step = TRANSITIONS[state, each]
                follow(step.state, said + step.says, ended + step.ends, depth - 1)

        follow(State.OPEN, 0, 0, 4)

    def test_who_closes_first_waits_for_the_other(self) -> None:
        self.assertEqual(TRANSITIONS[State.OPEN, Input.LEAVE], Step(State.CLOSING, says=True))
        self.assertEqual(
            TRANSITIONS[State.CLOSING, Input.CLOSE], Step(State.CLOSED, says=False, ends=True)
        )

    def test_a_client_that_closes_gets_its_close_back(self) -> None:
        self.assertEqual(TRANSITIONS[State.OPEN, Input.CLOSE], Step(State.CLOSED, True, True))

    def test_a_client_that_breaks_the_protocol_is_not_waited_for(self) -> None:
        self.assertEqual(TRANSITIONS[State.OPEN, Input.FAULT], Step(State.CLOSED, True, True))
