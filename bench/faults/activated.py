"""``python -m bench.faults.activated FILE COMMAND...``: run a command as systemd does for a socket
that it holds, which is the open file of this number (sd_listen_fds(3))."""

import os
import sys

_FIRST = 3  # the number at which a service finds its sockets


def main() -> None:
    number = int(sys.argv[1])
    if number == _FIRST:
        os.set_inheritable(number, True)
    else:
        os.dup2(number, _FIRST)
    told = {"LISTEN_PID": str(os.getpid()), "LISTEN_FDS": "1", "LISTEN_FDNAMES": "ecm.socket"}
    os.environ |= told
    os.execvp(sys.argv[2], sys.argv[2:])


if __name__ == "__main__":
    main()
