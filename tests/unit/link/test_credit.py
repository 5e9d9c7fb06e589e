"""Credit on a stream: two honest ends, and one that is wrong."""

import attrs
from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import TestCase

from ecm.link.credit import OVERHEAD, Windows
from ecm.link.message import MESSAGE
from ecm.link.packet import encode


@attrs.define
class End:
    """One end of a stream, which has taken all that has come, or nothing yet."""

    windows: Windows
    sent: int = 0
    owed: int = 0

    def give_back(self) -> int:
        return self.windows.give_back(self)


def ends(one: int, other: int) -> tuple[End, End]:
    return End(Windows(one, other)), End(Windows(other, one))


class CreditTests(TestCase):
    def test_a_message_counts_with_the_length_of_its_packet(self) -> None:
        end, _ = ends(100, 100)
        end.windows.send(end, b"<message/>")
        self.assertEqual(end.sent, len(encode(7, MESSAGE + b"<message/>")))

    def test_the_last_message_may_go_beyond_the_window(self) -> None:
        end, other = ends(100, 100)
        end.windows.send(end, bytes(59))
        self.assertEqual((end.sent, end.windows.may_send(end)), (99, True))
        end.windows.send(end, bytes(100_000))
        self.assertFalse(end.windows.may_send(end))
        self.assertTrue(other.windows.receive(other, bytes(59)))
        self.assertTrue(other.windows.receive(other, bytes(100_000)))
        self.assertFalse(other.windows.receive(other, b""))

    def test_less_than_half_a_window_is_not_given_back(self) -> None:
        end, _ = ends(100, 100)
        end.windows.receive(end, bytes(49 - OVERHEAD))
        self.assertEqual((end.give_back(), end.owed), (0, 49))
        end.owed += 1
        self.assertEqual((end.give_back(), end.owed), (50, 0))
        self.assertEqual(end.give_back(), 0)

    def test_no_more_comes_back_than_was_sent(self) -> None:
        end, _ = ends(100, 100)
        end.windows.send(end, b"")
        self.assertTrue(end.windows.credit(end, 0))
        self.assertTrue(end.windows.credit(end, OVERHEAD))
        self.assertFalse(end.windows.credit(end, 1))

    @given(
        st.integers(1, 300),
        st.lists(
            st.one_of(
                st.integers(0, 200).map(lambda size: ("send", size)),
                st.sampled_from([("arrive", 0), ("take", 0), ("return", 0)]),
            ),
            max_size=60,
        ),
    )
    def test_an_honest_end_is_never_wrong_and_never_stuck(
        self, window: int, steps: list[tuple[str, int]]
    ) -> None:
        end, other = ends(1, window)
        to_other: list[bytes] = []
        to_end: list[int] = []
        for step, size in [*steps, *[("arrive", 0)] * 60, ("take", 0), *[("return", 0)] * 60]:
            if step == "send" and end.windows.may_send(end):
                to_other.append(bytes(size))
                end.windows.send(end, to_other[-1])
            elif step == "arrive" and to_other:
                self.assertTrue(other.windows.receive(other, to_other.pop(0)))
                self.assertLess(other.owed, window + OVERHEAD + 200)
            elif step == "take" and (back := other.give_back()):
                to_end.append(back)
            elif step == "return" and to_end:
                self.assertTrue(end.windows.credit(end, to_end.pop(0)))
            on_the_way = sum(OVERHEAD + len(each) for each in to_other) + sum(to_end)
            self.assertEqual(end.sent, on_the_way + other.owed)
        self.assertTrue(end.windows.may_send(end))
