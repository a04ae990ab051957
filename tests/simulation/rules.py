"""How a checker says no."""


class Violation(AssertionError):
    """A rule of the world was broken."""


def must(condition: object, rule: str) -> None:
    if not condition:
        raise Violation(rule)
