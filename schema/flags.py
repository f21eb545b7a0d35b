"""What clients see of feature flags."""

from datetime import datetime
from typing import Annotated

import strawberry
from strawberry.scalars import JSON

from schema.results import InvalidInput, NotFound


@strawberry.type(description="What a subject gets of a feature flag.")
class FeatureFlagAnswer:
    key: str = strawberry.field(description="The flag's key.")
    enabled: bool = strawberry.field(
        description="Whether the subject has it: always the same, and for ever while the "
        "percentage only grows. False where there is no such flag."
    )
    value: JSON | None = strawberry.field(
        description="The flag's value where it is enabled, else null: go by your own default."
    )


@strawberry.type(description="A feature flag. For admins.")
class FeatureFlag:
    key: str = strawberry.field(description="What it is called.")
    value: JSON = strawberry.field(description="What those get who have it.")
    percentage: float = strawberry.field(
        description="How many of a hundred subjects have it: 0 is nobody, 100 everybody."
    )
    changed_at: datetime = strawberry.field(description="When it became so.")
    changed_by: str = strawberry.field(
        description='Who made it so: "user:" and a token\'s subject, "key:" and an API key\'s id, '
        '"cli:" and a user of the machine, or "everybody" where there is no access control.'
    )


@strawberry.type(description="What a feature flag was or became.")
class FeatureFlagState:
    value: JSON = strawberry.field(description="Its value.")
    percentage: float = strawberry.field(description="Its percentage.")


@strawberry.type(description="A change of a feature flag, which stays on record.")
class FeatureFlagChange:
    revision: int = strawberry.field(
        description="One step per change, of whichever flag, in the order they were committed."
    )
    key: str = strawberry.field(description="The flag's key.")
    before: FeatureFlagState | None = strawberry.field(
        description="What it was; null where there was none."
    )
    after: FeatureFlagState | None = strawberry.field(
        description="What it became; null where it was deleted."
    )
    changed_at: datetime = strawberry.field(description="When.")
    changed_by: str = strawberry.field(description="Who, as in `FeatureFlag.changedBy`.")


@strawberry.input(description="What a feature flag is to be. A key that is new makes a new flag.")
class SetFeatureFlagInput:
    key: str = strawberry.field(
        description="Lower-case words with -, _ or . between them, at most 64 characters: "
        "`seat-choice`."
    )
    percentage: float = strawberry.field(
        description="How many of a hundred subjects have it, with two decimals at most: 0 to 100. "
        "Growing it never turns anyone off."
    )
    value: JSON = strawberry.field(
        default=JSON(True),
        description="Any JSON but null, at most 4096 bytes and 16 levels; by default true.",
    )


SetFeatureFlagResult = Annotated[
    FeatureFlag | InvalidInput,
    strawberry.union("SetFeatureFlagResult", description="The flag, or what is wrong."),
]
DeleteFeatureFlagResult = Annotated[
    FeatureFlag | NotFound,
    strawberry.union(
        "DeleteFeatureFlagResult", description="The flag as it was, or that there is none."
    ),
]
