"""Figures of the growth model, made by `make bench-readme` from bench/results."""

from typing import Final

from ecm.tools.doctor.plan import Sessions, Tls, Transport

# Bytes: our end of a connection in the kernel; ECM without clients, as one process,
# or for each worker beside the supervisor; a node of ejabberd without users.
KERNEL_PER_CONNECTION: Final = 4_071
ONE_PROCESS: Final = 54_700_000
WORKER: Final = 8_900_000
SUPERVISOR: Final = 37_000_000
EJABBERD: Final = 131_600_000

# Bytes of ECM for a connection, and what TLS adds.
ECM_PER_CONNECTION: Final = {
    Transport.BOSH: 899,
    Transport.WEBSOCKET: 889,
    Transport.TCP: 889,
}
ECM_FOR_TLS: Final = {
    Tls.NONE: 0,
    Tls.OPENSSL: 25_085,
    Tls.LEAN: 746,
}

# Bytes of ejabberd for a user, by its table of sessions.
EJABBERD_PER_USER: Final = {
    (Sessions.MNESIA, Transport.BOSH): 3_477,
    (Sessions.MNESIA, Transport.WEBSOCKET): 3_079,
    (Sessions.MNESIA, Transport.TCP): 3_320,
    (Sessions.ECM, Transport.BOSH): 2_148,
    (Sessions.ECM, Transport.WEBSOCKET): 1_756,
    (Sessions.ECM, Transport.TCP): 1_973,
}

# Seconds of CPU for polls, as costs.Polls has them; µs a second for a quiet stream.
ECM_POLLS: Final = (0.00104, 2.767e-08, 1.811e-05, 6.067e-06, 0.0001)
EJABBERD_POLLS: Final = (0.0002197, 6.472e-08, 1.552e-05, 1.561e-05, 0.0001)
STREAM_CPU: Final = 0.183
