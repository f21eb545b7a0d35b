"""What clients see of an audit."""

import strawberry
from strawberry import ID


@strawberry.type(description="Two things on record about a show that can't both be true.")
class AuditDifference:
    show_id: ID = strawberry.field(description="The show's id.")
    version: int | None = strawberry.field(
        description="The version whose change is in question; null for the show as it is."
    )
    message: str = strawberry.field(description="What differs, in a sentence.")


@strawberry.type(description="What an audit has been through, and what it found.")
class AuditReport:
    shows: int = strawberry.field(description="Shows that were audited to their end.")
    changes: int = strawberry.field(description="Changes that were replayed.")
    difference_count: int = strawberry.field(description="How many differences there are.")
    differences: list[AuditDifference] = strawberry.field(description="The first hundred of them.")
    complete: bool = strawberry.field(
        description="False: the time ran out. Ask on with `after: endShowId`; a show that takes "
        "longer all by itself is for the command, `boxoffice audit`."
    )
    end_show_id: ID | None = strawberry.field(
        description="The last show that was audited to its end, null where there is none."
    )
