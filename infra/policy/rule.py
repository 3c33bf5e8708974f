"""A rule looks at all resources of a stack and says what it does not accept."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

Finding = tuple[str, str]  # name of the resource, what is wrong


@dataclass(frozen=True, slots=True)
class Resource:
    """One resource: its type without the provider (``servicebus:Queue``), its name, its inputs as Azure gets them."""

    kind: str
    name: str
    inputs: Mapping[str, Any]
    id: str = ""


class Resources:
    """The resources of one stack.

    Attributes:
        is_private: Whether nothing but the gateway and the Relay may have a public address.
    """

    def __init__(self, found: Iterable[Resource], *, is_private: bool) -> None:
        self._found = tuple(found)
        self.is_private = is_private

    def __iter__(self) -> Iterator[Resource]:
        return iter(self._found)

    def of(self, *kinds: str) -> Iterator[Resource]:
        """Yield the resources of these types."""
        return (one for one in self._found if one.kind in kinds)


@dataclass(frozen=True, slots=True)
class Rule:
    """One demand: its name, what it says, and what finds where it is not met.

    Attributes:
        joins_ids: It compares ids of resources, which Pulumi does not tell a policy pack; the tests ask it.
    """

    name: str
    demand: str
    find: Callable[[Resources], Iterable[Finding]]
    joins_ids: bool = False


def where(kind: str, is_right: Callable[[Mapping[str, Any]], bool], what: str) -> Callable[[Resources], list[Finding]]:
    """Return a rule's search among the resources of one type, each by itself."""

    def find(resources: Resources) -> list[Finding]:
        return [(one.name, what) for one in resources.of(kind) if not is_right(one.inputs)]

    return find


def at(inputs: Mapping[str, Any], path: str) -> Any:
    """Return what lies at a path such as ``sku.tier``; None where there is nothing."""
    value: Any = inputs
    for key in path.split("."):
        value = value.get(key) if isinstance(value, Mapping) else None
    return value
