"""CP and MO as Money (the guide has no map: decision 0007)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from shared.mapping.datatypes.number import decimal
from shared.mapping.rows import Resource, parts_of

if TYPE_CHECKING:
    from shared.mapping.scope import Scope

_CURRENCY = re.compile(r"[A-Z]{3}", re.ASCII)


@parts_of({1: "value"}, dict.fromkeys((2, 3, 4, 5, 6), "the kind and the range of a price: Money holds the amount"))
def price(raw: str, scope: Scope) -> Resource | None:
    """Return the amount and currency (ISO 4217) of a CP."""
    return money(scope.parts(raw)[0], scope)


def money(raw: str, scope: Scope) -> Resource | None:
    """Return the amount and currency of an MO that is one component; a currency that is none is a finding."""
    amount, currency, *_ = [*raw.split(scope.subcomponent), ""]
    value = decimal(amount, scope)
    if value is None:
        return None
    code = scope.text(currency).upper()
    if code and not _CURRENCY.fullmatch(code):
        scope.find("currency_invalid", f"{len(code)} characters")
        code = ""
    return {"value": value, **({"currency": code} if code else {})}
