"""Real sockets and ``twistd`` as a process; no ejabberd."""
