"""What the demo tells the one who started it."""

from ecm.tools.demo.plan import Plan


def say(text: str) -> None:
    """A line of progress, at once even where the output is no terminal."""
    print(f"ecm-demo: {text}", flush=True)


def greet(plan: Plan) -> None:
    """All is up: where to go, and as whom."""
    logins = "\n".join(f"    {name}, password {password}" for name, password in plan.users.items())
    print(
        f"""
Open {plan.page} in two browser windows, and log in as
{logins}

Logs            {plan.folder.logs}
Administration  {plan.folder.ejabberdctl} status

Ctrl-C stops everything.
""",
        flush=True,
    )
