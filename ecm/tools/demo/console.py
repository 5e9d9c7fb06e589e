"""The demo's output on the terminal."""

from ecm.tools.demo.plan import DOMAIN, Plan


def say(text: str) -> None:
    """Print a line of progress at once, also where the output is not a terminal."""
    print(f"ecm-demo: {text}", flush=True)


def greet(plan: Plan) -> None:
    """Print how to use the demo, once all is up."""
    logins = "\n".join(f"    {name}, password {password}" for name, password in plan.users.items())
    print(
        f"""
Open {plan.page} in two browser windows, and log in as
{logins}

Other clients find {DOMAIN} at
    {plan.websocket} (WebSocket)
    {plan.bosh} (BOSH)
    {plan.origin}/.well-known/host-meta (both)
    {plan.xmpp} (XMPP over TCP, STARTTLS)
and the certificate of the latter, for those that do not ask whether to trust it, in
    {plan.folder.certificate}

Logs            {plan.folder.logs}
Administration  {plan.folder.ejabberdctl} status

Ctrl-C stops everything.
""",
        flush=True,
    )
