"""What may lie where in a resource: the part of the R4 schemas that a walk in search of references needs."""

from __future__ import annotations

from functools import cache
from typing import Any

from shared.fhir.schema import Definitions, definitions, resource_types

INSIDE = frozenset({"Resource", "ContainedResource"})
COMPARED = frozenset({"Period", "Range"})  # their values are compared; see shared.fhir.coherence
SOUGHT = INSIDE | COMPARED | {"Reference"}
EXTENSIONS = ("_", "extension", "modifierExtension")
MOST_WAYS = 512  # of one shape; a full memory starts anew


class Shape:
    """One element of R4, with those of its children that are sought or lead to what is.

    Attributes:
        name: Its definition: ``Period``, ``Patient.contact``; ``Resource`` for any resource inside another.
        is_sought: Whether a survey notes it.
        targets: The resource types it may refer to; None where any will do, and for all that is no Reference.
        children: The shapes of its properties by name.
        leads: The names of those properties.
        ways: For an element with these properties, in this order, those among them that are children: name, the types
            that a Reference may lead to, shape.
    """

    __slots__ = ("children", "is_sought", "leads", "name", "targets", "ways")

    def __init__(self, name: str, targets: frozenset[str] | None = None) -> None:
        self.name = name
        self.is_sought = name in SOUGHT
        self.targets = targets
        self.children: dict[str, Shape] = {}
        self.leads: frozenset[str] = frozenset()
        self.ways = Ways(self.children)

    def leads_to(self) -> frozenset[str] | None:
        """Return the types that it may refer to; None for all that is no Reference."""
        return (self.targets or resource_types()) if self.name == "Reference" else None


Way = tuple[str, frozenset[str] | None, Shape]


class Ways(dict[tuple[str, ...], list[Way]]):
    """The children that an element has, by the names of its properties: those of one kind mostly have the same."""

    def __init__(self, children: dict[str, Shape]) -> None:
        self._children = children

    def __missing__(self, names: tuple[str, ...]) -> list[Way]:
        """Return the children among these properties, and remember them."""
        if len(self) >= MOST_WAYS:
            self.clear()
        children = [(name, self._children[name]) for name in names if name in self._children]
        found = self[names] = [(name, child.leads_to(), child) for name, child in children]
        return found


@cache
def shape_of(resource_type: str, has_extensions: bool) -> Shape:
    """Return the shape of a resource type; where there are no extensions, most of a resource leads nowhere.

    Raises:
        KeyError: R4 has no such resource.
    """
    return ShapeMaker(definitions(resource_type), has_extensions=has_extensions).make(resource_type, None)


class ShapeMaker:
    """Makes the shapes of one resource type; an element that contains itself is one shape."""

    def __init__(self, known: Definitions, *, has_extensions: bool) -> None:
        self.objects = {name: objects_of(schema, known, has_extensions) for name, schema in known.items()}
        self.worthwhile = leading_to(SOUGHT, self.objects)
        self.made: dict[tuple[str, frozenset[str] | None], Shape] = {}

    def make(self, name: str, targets: frozenset[str] | None) -> Shape:
        """Return the shape of a definition."""
        key = (name, targets)
        if key not in self.made:
            shape = self.made[key] = Shape(name, targets)
            if name not in INSIDE:
                for child, (definition, allowed) in self.objects[name].items():
                    if definition in self.worthwhile:
                        shape.children[child] = self.make(definition, allowed)
            shape.leads = frozenset(shape.children)
        return self.made[key]


Objects = dict[str, tuple[str, frozenset[str] | None]]  # the children that are objects: definition, targets


def objects_of(schema: dict[str, Any], known: Definitions, has_extensions: bool) -> Objects:
    """Return the children of a definition that are objects."""
    found: Objects = {}
    for child, schemas in schema.get("properties", {}).items():
        if has_extensions or not child.startswith(EXTENSIONS):
            value = item_of(schemas)
            name = definition_of(value, known)
            if name:
                found[child] = (name, frozenset(value["targets"]) if "targets" in value else None)
    return found


def leading_to(sought: frozenset[str], objects: dict[str, Objects]) -> set[str]:
    """Return the definitions that are sought, or have a child that leads to one."""
    found = set(sought)
    count = 0
    while count < len(found):
        count = len(found)
        found |= {name for name, children in objects.items() if any(child in found for child, _ in children.values())}
    return found


def item_of(schema: dict[str, Any]) -> dict[str, Any]:
    """Return the schema of one value: of an array its items, of extensions that may be null the extensions."""
    while "items" in schema or "anyOf" in schema:
        schema = schema["items"] if "items" in schema else schema["anyOf"][0]
    return schema


def definition_of(value: dict[str, Any], known: Definitions) -> str:
    """Return the name of the definition of an object; empty for a primitive."""
    name = str(value.get("$ref", "")).rpartition("/")[2]
    if name.startswith("codes:"):
        return "CodeableConcept" if "allOf" in known[name] else ""
    return name if name in INSIDE or "properties" in known.get(name, {}) else ""
