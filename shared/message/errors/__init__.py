"""The one tree of errors, a module a family. Importing it loads them all: the tree can be walked, a code looked up."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache

from shared.message.errors import configuration, connector, fhir, hl7, mapping, pipeline, relay, storage
from shared.message.errors.base import IntegrationError

FAMILIES = (configuration, connector, fhir, hl7, mapping, pipeline, relay, storage)


def reason_of(code: str) -> str:
    """Return what an error's code means and what to do next; empty for a code that is not of this tree."""
    found = _by_code().get(code)
    return f"{found.what}; {found.next_step}" if found else ""


@cache
def _by_code() -> dict[str, type[IntegrationError]]:
    return {error.code: error for error in every_error()}


def every_error(base: type[IntegrationError] = IntegrationError) -> Iterator[type[IntegrationError]]:
    """Yield every error that has a code of its own: the leaves of the tree."""
    for error in base.__subclasses__():
        if error.__subclasses__():
            yield from every_error(error)
        else:
            yield error
