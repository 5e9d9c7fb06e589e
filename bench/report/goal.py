"""Goals: what is promised, which a figure reaches or not; and next goals, for which one works."""


def reached(figure: float, goal: float) -> str:
    return "reached" if figure <= goal else "NOT reached"


def judged(figure: float, goal: float, following: float, unit: str) -> str:
    """Return two sentences about a figure."""
    so_far = "reached" if figure <= following else "not reached"
    return (
        f"The goal of {goal:,g} {unit} is {reached(figure, goal)};"
        f" the next goal, {following:,g} {unit}, is {so_far}."
    )
