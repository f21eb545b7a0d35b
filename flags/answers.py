"""What a subject gets of a flag, of whatever type it is: asked through OpenFeature's client."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from openfeature.client import OpenFeatureClient
from openfeature.evaluation_context import EvaluationContext
from openfeature.flag_evaluation import FlagType

from flags.flag import Value
from flags.provider import ON, FlagProvider

# OpenFeature asks for a default of the flag's type. Where it comes the flag is off: it isn't told.
_DEFAULTS: Mapping[FlagType, Any] = {
    FlagType.BOOLEAN: False,
    FlagType.STRING: "",
    FlagType.INTEGER: 0,
    FlagType.FLOAT: 0.0,
    FlagType.OBJECT: {},
}


class Answer(NamedTuple):
    """Whether a subject has a flag, and the flag's value if so."""

    enabled: bool
    value: Value | None


OFF = Answer(False, None)


def ask(client: OpenFeatureClient, provider: FlagProvider, key: str, subject: str) -> Answer:
    """Tell what a subject gets. A flag that there is not is off, as one for nobody is."""
    type_ = provider.type_of(key)
    if type_ is None:
        return OFF
    found = client.evaluate_flag_details(type_, key, _DEFAULTS[type_], EvaluationContext(subject))
    return Answer(True, found.value) if found.variant == ON else OFF
