"""The task of a process of the swarm."""

from ecm.tools.swarm.messages import Task

TASK = Task(
    address=("127.0.0.1", 7080),
    transport="bosh",
    tls="",
    host="127.0.0.1:7080",
    path="/http-bind",
    domain="localhost",
    accounts="user{}:secret",
    first=0,
    users=10,
    sources=[],
    rate=None,
    at_once=1,
    wait=60,
    hold=1,
    connections=1,
    patience=60,
    login="sasl",
    storm=0,
)
