"""Bytes that are no request, or too large a one: the wire's own table, held to time and memory."""

from collections.abc import Iterable

from tests.attacks.attack import Attack, Way
from tests.wire_attacks import NO_HTTP, SMUGGLED, TOO_LARGE, WireAttack


def _rows(attacks: Iterable[WireAttack]) -> list[Attack]:
    return [
        Attack(
            attack.name,
            way=Way.RAW,
            content=attack.sent,
            status=attack.status,
            code=attack.code or None,
            limit=attack.limit or None,
        )
        for attack in attacks
    ]


WIRE = {"smuggled": _rows(SMUGGLED), "no HTTP": _rows(NO_HTTP), "too large": _rows(TOO_LARGE)}
