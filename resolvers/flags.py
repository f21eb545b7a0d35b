"""The fields about feature flags: what everybody may ask, and what admins set."""

from collections.abc import Sequence
from typing import Annotated

import strawberry
from openfeature.api import get_client
from strawberry import ID, UNSET, argument

from booking.inputs import Problem, check_text
from db.flags import AFTER_THE_LAST
from flags.answers import ask
from flags.flag import Flag, FlagChange, State
from flags.inputs import check_flag, check_key
from resolvers.answers import invalid_input
from resolvers.office import Info, caller_of, office_of
from resolvers.paging import First, page_size
from resolvers.rules import FOR_ADMINS
from schema.errors import BadRequest
from schema.flags import (
    DeleteFeatureFlagResult,
    FeatureFlag,
    FeatureFlagAnswer,
    FeatureFlagChange,
    FeatureFlagState,
    SetFeatureFlagInput,
    SetFeatureFlagResult,
)
from schema.results import NotFound

LONGEST_SUBJECT = 255

Key = Annotated[str, argument(description="The flag's key.")]


@strawberry.type
class FlagQuery:
    @strawberry.field(
        description="What a subject gets of a feature flag. Whoever knows the key may ask; which "
        "flags there are, and for how many, is for admins."
    )
    async def feature_flag(
        self,
        info: Info,
        key: Key,
        subject: Annotated[
            str,
            argument(
                description="Whom or what it is about, 1 to 255 characters: a customer's id, a "
                "show's id, whatever the flag is split by."
            ),
        ],
    ) -> FeatureFlagAnswer:
        _refuse([*check_key(key), *check_text("subject", subject, LONGEST_SUBJECT)])
        provider = await office_of(info).flags.ready()
        answer = ask(get_client(), provider, key, subject)
        return FeatureFlagAnswer(key=key, enabled=answer.enabled, value=answer.value)

    @strawberry.field(description="All feature flags, by key. For admins.", extensions=FOR_ADMINS)
    async def feature_flags(self, info: Info) -> list[FeatureFlag]:
        return [_flag(flag) for flag in await office_of(info).flags.read()]

    @strawberry.field(
        description="The changes of feature flags, the latest first. For admins.",
        extensions=FOR_ADMINS,
    )
    async def feature_flag_changes(
        self,
        info: Info,
        first: First = 20,
        before: Annotated[
            int | None, argument(description="Only those with a revision below this.")
        ] = UNSET,
        key: Annotated[str | None, argument(description="Only those of this flag.")] = UNSET,
    ) -> list[FeatureFlagChange]:
        only = None if key is UNSET else key
        _refuse([] if only is None else [*check_key(only)])
        below = AFTER_THE_LAST if before is None or before is UNSET else before
        changes = await office_of(info).flags.list_changes(page_size(first), only, below)
        return [_change(change) for change in changes]


@strawberry.type
class FlagMutation:
    @strawberry.mutation(
        description="Make a feature flag, or change it. This process goes by it at once, each "
        "other within two seconds. For admins.",
        extensions=FOR_ADMINS,
    )
    async def set_feature_flag(
        self, info: Info, input: Annotated[SetFeatureFlagInput, argument(description="The flag.")]
    ) -> SetFeatureFlagResult:
        asked = input.key, input.value, input.percentage
        if problems := check_flag(*asked):
            return invalid_input(problems)
        return _flag(await office_of(info).flags.set(*asked, caller_of(info).client))

    @strawberry.mutation(
        description="Delete a feature flag: it is off for everybody. Its changes stay on record. "
        "For admins.",
        extensions=FOR_ADMINS,
    )
    async def delete_feature_flag(self, info: Info, key: Key) -> DeleteFeatureFlagResult:
        flag = None
        if not [*check_key(key)]:
            flag = await office_of(info).flags.delete(key, caller_of(info).client)
        if flag is None:
            return NotFound(message="There is no feature flag with this key.", id=ID(key))
        return _flag(flag)


def _refuse(problems: Sequence[Problem]) -> None:
    if problems:
        raise BadRequest("; ".join(f"`{p.field}`: {p.message}" for p in problems))


def _flag(flag: Flag) -> FeatureFlag:
    return FeatureFlag(
        key=flag.key,
        value=flag.value,
        percentage=flag.percentage,
        changed_at=flag.changed_at,
        changed_by=flag.changed_by,
    )


def _change(change: FlagChange) -> FeatureFlagChange:
    return FeatureFlagChange(
        revision=change.revision,
        key=change.key,
        before=_state(change.before),
        after=_state(change.after),
        changed_at=change.changed_at,
        changed_by=change.changed_by,
    )


def _state(state: State | None) -> FeatureFlagState | None:
    if state is None:
        return None
    return FeatureFlagState(value=state.value, percentage=state.percentage)
