"""Who may use a field. A field without a rule of these is for everybody who has its object."""

from typing import Any

from access.caller import Caller, Role
from execution.guard import Guard, guarded_by
from schema.errors import Forbidden, Unauthenticated


class Customer(Guard):
    """For whoever has said who they are."""

    def ask(self, context: Any) -> None:
        """Refuse visitors."""
        caller: Caller = context["caller"]
        if caller.role is Role.VISITOR:
            raise Unauthenticated("Say who you are: this takes a token.")


class Admin(Customer):
    """For who runs the house."""

    def ask(self, context: Any) -> None:
        """Refuse visitors and customers."""
        super().ask(context)
        caller: Caller = context["caller"]
        if caller.role is not Role.ADMIN:
            raise Forbidden("This is for admins.")


FOR_CUSTOMERS = guarded_by(Customer)
FOR_ADMINS = guarded_by(Admin)
