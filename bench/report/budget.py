"""Budgets, which a figure keeps or does not, and aims."""


def kept(figure: float, budget: float) -> str:
    return "kept" if figure <= budget else "NOT kept"


def judged(figure: float, budget: float, aim: float, unit: str) -> str:
    """Return two sentences about a figure."""
    reached = "reached" if figure <= aim else "not reached"
    return (
        f"The budget of {budget:,} {unit} is {kept(figure, budget)};"
        f" the aim, {aim:,} {unit}, is {reached}."
    )
