"""One walk over a resource and all it holds: what is inside, what it refers to, and whose values are compared."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, NamedTuple

import orjson

from shared.fhir.place import Place
from shared.fhir.schema import type_of
from shared.fhir.shape import COMPARED, Shape, shape_of

Json = dict[str, Any]
Sighting = tuple[Json, Shape, Place, "Part"]  # an element the walk came past, and the resource it belongs to


class Part(NamedTuple):
    """A resource that stands for itself: the whole, an entry of a Bundle, a parameter.

    Attributes:
        resource: Its type is one of R4.
        place: Where it is.
        contained: The resources it contains, and their places.
    """

    resource: Json
    place: Place
    contained: list[tuple[Json, Place]]


class Survey:
    """What a resource holds.

    Attributes:
        parts: The resource itself, and those inside it that stand for themselves.
        references: Every Reference.
        compared: Every element of a type that compares its values.
        repeated: The places of parts that say what another has said.
        unwritable: The places of parts that JSON cannot hold; they are not walked.
    """

    __slots__ = ("compared", "contents", "parts", "references", "repeated", "unwritable")

    def __init__(self, resource: Json, *, has_extensions: bool = True) -> None:
        whole = Part(resource, (None, resource["resourceType"], None), [])
        self.parts = [whole]
        self.references: list[Sighting] = []
        self.compared: list[Sighting] = []
        self.repeated: list[Place] = []
        self.unwritable: list[Place] = []
        self.contents: set[bytes] = set()
        self.walk(resource, shape_of(resource["resourceType"], has_extensions), whole.place, whole)

    def walk(self, element: Json, shape: Shape, place: Place, part: Part) -> None:
        """Visit the children of an element that are objects and may lead somewhere."""
        children = shape.children
        for key, value in element.items():
            child = children.get(key)
            if child is None:
                continue
            if type(value) is dict:
                if child.is_sought or not child.leads.isdisjoint(value):
                    self.visit(value, child, (place, key, None), part)
            elif type(value) is list:
                for index, item in enumerate(value):
                    if type(item) is dict and (child.is_sought or not child.leads.isdisjoint(item)):
                        self.visit(item, child, (place, key, index), part)

    def visit(self, element: Json, shape: Shape, place: Place, part: Part) -> None:
        """Note an element, and walk on."""
        name = shape.name
        if name == "Reference":
            self.references.append((element, shape, place, part))
        elif name in COMPARED:
            self.compared.append((element, shape, place, part))
        elif name == "Resource":
            self.enter(element, place)
        elif name == "ContainedResource":
            self.enter_contained(element, place, part)
        if not shape.leads.isdisjoint(element):
            self.walk(element, shape, place, part)

    def enter(self, resource: Json, place: Place) -> None:
        """Note a resource that stands for itself, and walk it; most of it leads nowhere if it has no extensions."""
        name = type_of(resource)
        if name is None:
            return  # the schema around it says so
        try:
            content = content_of(resource)
        except TypeError:
            self.unwritable.append(place)
            return
        if content in self.contents:
            self.repeated.append(place)
        self.contents.add(content)
        part = Part(resource, place, [])
        self.parts.append(part)
        self.walk(resource, shape_of(name, b'xtension"' in content), place, part)

    def enter_contained(self, resource: Json, place: Place, part: Part) -> None:
        """Note a contained resource, and walk it: its references are those of the part."""
        part.contained.append((resource, place))
        name = type_of(resource)
        if name is not None:
            self.walk(resource, shape_of(name, True), place, part)


def content_of(resource: Json) -> bytes:
    """Return a resource as bytes that are equal for equal content, whatever its id.

    Raises:
        TypeError: It holds what JSON cannot.
    """
    body = resource.copy()
    body.pop("id", None)
    return orjson.dumps(body, write_decimal, orjson.OPT_SORT_KEYS)


def write_decimal(value: object) -> str:
    """Return a decimal as text; it keeps the precision that FHIR wants kept, and that a float loses.

    Raises:
        TypeError: It is something else.
    """
    if isinstance(value, Decimal):
        return str(value)
    raise TypeError
