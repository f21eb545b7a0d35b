"""Permissions that know at once, by the operation's context: closures ask them on the short way."""

from typing import Any

from strawberry.extensions import FieldExtension
from strawberry.permission import BasePermission, PermissionExtension
from strawberry.types.field import StrawberryField


class Guard(BasePermission):
    """A permission that lets pass, or raises why not; whatever the source and the arguments are."""

    def has_permission(self, source: Any, info: Any, **arguments: Any) -> bool:
        """Ask for Strawberry."""
        self.ask(info.context)
        return True

    def ask(self, context: Any) -> None:
        """Return if the field may be used in this context, raise otherwise."""
        raise NotImplementedError


def guarded_by(*guards: type[Guard]) -> list[FieldExtension]:
    """The extensions of a field that these guard; the SDL says it in words."""
    return [PermissionExtension([guard() for guard in guards], use_directives=False)]


def guards_of(field: StrawberryField) -> list[Guard] | None:
    """The guards of a field; None where it has extensions of another kind."""
    guards: list[Guard] = []
    for extension in field.extensions:
        if type(extension) is not PermissionExtension or extension.fail_silently:
            return None
        for permission in extension.permissions:
            if not isinstance(permission, Guard):
                return None
            guards.append(permission)
    return guards
