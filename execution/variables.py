"""How large variables may be that are not as declared. The others are bounded by their types."""

from collections.abc import Mapping
from typing import Any

from execution.limits import MAX_VARIABLES, bound

# Our inputs have some ten fields and are two deep, and a list has a hall's seats.
MAX_VARIABLE_DEPTH = 16
MAX_VARIABLE_KEYS = 50
MAX_VARIABLE_LIST = 100_000
# Searched for a mistake, which takes 3 us each.
MAX_VARIABLE_VALUES = 10_000
# Quoted whole before it is cut: a million letters took 80 ms. No text of ours has 300.
MAX_VARIABLE_TEXT = 20_000


def check_variables(sent: Mapping[str, Any]) -> None:
    """Refuse variables that are not as declared, where it would take long to say why.

    Raises:
        TooMuch: they are too many, too deep or too large.
    """
    bound("variables", "variables", len(sent), MAX_VARIABLES, "There are")
    waiting: list[tuple[Any, int]] = [(sent, 0)]
    values = 0
    while waiting:
        within, depth = waiting.pop()
        if isinstance(within, dict):
            bound("keys", "variableKeys", len(within), MAX_VARIABLE_KEYS, "An object has")
            within = within.values()
        else:
            bound("entries", "variableList", len(within), MAX_VARIABLE_LIST, "A list has")
        values += len(within)
        bound("values", "variableValues", values, MAX_VARIABLE_VALUES, "The variables have")
        bound("levels", "variableDepth", depth, MAX_VARIABLE_DEPTH, "A variable has")
        longest = max((len(each) for each in within if isinstance(each, str)), default=0)
        bound("characters", "variableText", longest, MAX_VARIABLE_TEXT, "A text has")
        waiting += [(each, depth + 1) for each in within if isinstance(each, dict | list)]
