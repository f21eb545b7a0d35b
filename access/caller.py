"""Who calls: a visitor, a customer or an admin."""

from dataclasses import dataclass
from enum import Enum, auto


class Role(Enum):
    """What somebody is to the box office."""

    VISITOR = auto()  # looks at shows and their maps
    CUSTOMER = auto()  # books, and has bookings of their own
    ADMIN = auto()  # runs the house


@dataclass(frozen=True, slots=True)
class Caller:
    """Who calls.

    Attributes:
        client: whom limits are counted for: "user:" and the token's subject, "key:" and the API
            key's id, or "address:" and where a visitor comes from.
        owner: whose the bookings are that a customer makes: the token's subject. Empty is the box
            office, which all admins are.
        name: who a customer's bookings are for.
        expires_at: when to ask again whether this is so, in seconds since 1970; None where it
            stays so.
    """

    role: Role
    client: str
    owner: str = ""
    name: str | None = None
    expires_at: float | None = None

    @property
    def kind(self) -> str:
        """What they are to the box office, in a word."""
        return _KINDS[self.role]


_KINDS = {role: role.name.lower() for role in Role}


def visitor(address: str) -> Caller:
    """Who calls from an address, and shows nothing."""
    return Caller(Role.VISITOR, f"address:{address}")


# Without access control whoever reaches us runs the house.
EVERYBODY = Caller(Role.ADMIN, "everybody")
