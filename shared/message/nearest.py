"""A name that nobody has, and those that may be meant."""

from __future__ import annotations

import re
from collections.abc import Iterable
from difflib import get_close_matches

_NAME = re.compile(r"[A-Za-z0-9_.-]{1,64}")


def no_such(kind: str, name: str, known: Iterable[str]) -> str:
    """Return ``interface hospital_adtt; nearest: hospital_adt``, as the place of a NotFound.

    What has not the form of a name may be anything, a patient's name as well: it is not repeated.
    """
    by_lower = {one.lower(): one for one in known}
    near = [by_lower[one] for one in get_close_matches(name[:64].lower(), by_lower)]
    said = f"{kind} {name}" if _NAME.fullmatch(name) else kind
    return f"{said}; nearest: {', '.join(near)}" if near else said
