"""What is counted while ECM runs."""

import attrs


@attrs.define
class Counters:
    """Sums since the start.

    ``requests`` went out on the link. ``answers`` came back and found their clients; ``late`` ones
    found nobody, because the clients had gone. ``lost`` requests were in flight when a link went
    down. ``malformed`` links were closed because of bytes that are no packet; ``failed`` requests
    were not understood by ejabberd, or their answers not by ECM. ``round_trip`` is the time that
    the last ping on the link took, in seconds.
    """

    requests: int = 0
    answers: int = 0
    late: int = 0
    lost: int = 0
    malformed: int = 0
    failed: int = 0
    round_trip: float = 0.0
