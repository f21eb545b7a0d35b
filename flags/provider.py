"""OpenFeature's provider: evaluates the flags that this process has read last, in memory."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, cast

from openfeature.evaluation_context import EvaluationContext
from openfeature.event import ProviderEventDetails
from openfeature.exception import (
    FlagNotFoundError,
    ProviderNotReadyError,
    TargetingKeyMissingError,
    TypeMismatchError,
)
from openfeature.flag_evaluation import FlagResolutionDetails, FlagType, FlagValueType, Reason
from openfeature.provider import AbstractProvider, Metadata

from flags.flag import Flag, Value
from flags.rollout import has

ON, OFF = "on", "off"
"""The two variants: the flag's value, and whatever stands for it where somebody asks."""

_TYPES = {
    bool: FlagType.BOOLEAN,
    str: FlagType.STRING,
    int: FlagType.INTEGER,
    float: FlagType.FLOAT,
    list: FlagType.OBJECT,
    dict: FlagType.OBJECT,
}


class FlagProvider(AbstractProvider):
    """The flags at one revision. Who asks waits for nothing; the targeting key is the subject.

    Reasons: STATIC for everybody, DISABLED for nobody, SPLIT for who is among the percentage, and
    DEFAULT for who is not. Whoever does not have the flag gets the default, and the variant `off`.
    """

    def __init__(self) -> None:
        super().__init__()
        self.revision: int | None = None  # until they are read for the first time
        self._flags: Mapping[str, Flag] = {}

    def take(self, revision: int, flags: Iterable[Flag]) -> None:
        """Go on with what the table has now, and tell OpenFeature's handlers what changed."""
        before, self._flags = self._flags, {flag.key: flag for flag in flags}
        self.revision = revision
        after = self._flags
        changed = [key for key in {**before, **after} if before.get(key) != after.get(key)]
        self.be_ready()
        self.emit_provider_configuration_changed(ProviderEventDetails(flags_changed=changed))

    def be_ready(self) -> None:
        """Say that the flags are those of the table: PROVIDER_READY."""
        self.emit_provider_ready(ProviderEventDetails())

    def be_stale(self, reason: str) -> None:
        """Go on with what was read last, since the table can't be read: PROVIDER_STALE."""
        self.emit_provider_stale(ProviderEventDetails(message=reason))

    def type_of(self, key: str) -> FlagType | None:
        """Which type a flag's value has; None where there is no such flag."""
        flag = self._flags.get(key)
        return _TYPES[type(flag.value)] if flag else None

    def get_metadata(self) -> Metadata:
        """Say who we are."""
        return Metadata("boxoffice")

    def resolve_boolean_details(
        self,
        flag_key: str,
        default_value: bool,
        evaluation_context: EvaluationContext | None = None,
    ) -> FlagResolutionDetails[bool]:
        """True or false."""
        return self._resolve(FlagType.BOOLEAN, flag_key, default_value, evaluation_context)

    def resolve_string_details(
        self, flag_key: str, default_value: str, evaluation_context: EvaluationContext | None = None
    ) -> FlagResolutionDetails[str]:
        """Text."""
        return self._resolve(FlagType.STRING, flag_key, default_value, evaluation_context)

    def resolve_integer_details(
        self, flag_key: str, default_value: int, evaluation_context: EvaluationContext | None = None
    ) -> FlagResolutionDetails[int]:
        """A whole number."""
        return self._resolve(FlagType.INTEGER, flag_key, default_value, evaluation_context)

    def resolve_float_details(
        self,
        flag_key: str,
        default_value: float,
        evaluation_context: EvaluationContext | None = None,
    ) -> FlagResolutionDetails[float]:
        """Any number: JSON has one kind."""
        return self._resolve(FlagType.FLOAT, flag_key, default_value, evaluation_context)

    def resolve_object_details(
        self,
        flag_key: str,
        default_value: Sequence[FlagValueType] | Mapping[str, FlagValueType],
        evaluation_context: EvaluationContext | None = None,
    ) -> FlagResolutionDetails[Sequence[FlagValueType] | Mapping[str, FlagValueType]]:
        """A list or an object. It is everybody's: not to be changed."""
        return self._resolve(FlagType.OBJECT, flag_key, default_value, evaluation_context)

    def _resolve(
        self, wanted: FlagType, key: str, default: Any, context: EvaluationContext | None
    ) -> FlagResolutionDetails[Any]:
        if self.revision is None:
            raise ProviderNotReadyError("The flags were not read yet.")
        flag = self._flags.get(key)
        if flag is None:
            raise FlagNotFoundError(f"There is no flag {key}.")
        value = _as_type(wanted, flag.value)
        if flag.percentage == 0:
            return FlagResolutionDetails(default, reason=Reason.DISABLED, variant=OFF)
        if flag.percentage == 100:
            return FlagResolutionDetails(value, reason=Reason.STATIC, variant=ON)
        subject = context and context.targeting_key
        if not subject:
            raise TargetingKeyMissingError(f"{key} is for some subjects: say for which you ask.")
        if has(key, subject, flag.percentage):
            return FlagResolutionDetails(value, reason=Reason.SPLIT, variant=ON)
        return FlagResolutionDetails(default, reason=Reason.DEFAULT, variant=OFF)


def _as_type(wanted: FlagType, value: Value) -> Value:
    found = _TYPES[type(value)]
    if wanted is FlagType.FLOAT and found is FlagType.INTEGER:
        return float(cast(int, value))
    if wanted is not found:
        raise TypeMismatchError(f"The flag has a value of type {found}, not {wanted}.")
    return value
