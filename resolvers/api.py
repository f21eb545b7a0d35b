"""The schema with everything that answers it, and its text: `python -m resolvers.api`."""

import sys
from datetime import datetime
from pathlib import Path

from strawberry.schema.config import StrawberryConfig

from execution.limits import Sizes
from execution.schema import Schema
from resolvers.mutations import Mutation
from resolvers.queries import Query
from resolvers.subscriptions import Subscription
from schema.scalars import DATE_TIME, Time

SDL_FILE = Path(__file__).parent.parent / "schema" / "schema.graphql"

# A hall has some hundred seats, of which a map costs less than as many objects would; a booking has
# three, and an audit tells the first hundred differences.
SIZES = Sizes(
    {"seatMap": 50, "seats": 3, "differences": 100, "featureFlags": 20},
    frozenset({"shows", "bookings", "featureFlagChanges"}),
)

schema = Schema(
    query=Query,
    mutation=Mutation,
    subscription=Subscription,
    sizes=SIZES,
    config=StrawberryConfig(scalar_map={datetime: DATE_TIME, Time: DATE_TIME}),
)


def sdl() -> str:
    """The schema as SDL, as it stands in schema/schema.graphql."""
    return schema.as_str().rstrip() + "\n"


if __name__ == "__main__":
    SDL_FILE.write_text(sdl(), "utf-8")
    sys.stdout.write(f"wrote {SDL_FILE}\n")
