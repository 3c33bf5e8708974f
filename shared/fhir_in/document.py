"""A message that came in as FHIR: one resource, or the entries of a Bundle, in the release of its sender."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal, NamedTuple
from urllib.parse import parse_qsl

from shared.fhir.releases import renamed_types
from shared.fhir.schema import resource_types
from shared.fhir_in.reading import Json, read_json
from shared.message.errors.fhir import FhirNotTaken

Release = Literal["STU3", "R4", "R5"]

CODE = "FHIR"  # as MSH-9.1 of HL7: `FHIR^Patient`, `FHIR^transaction`
BUNDLES = frozenset({"transaction", "batch", "message", "collection"})
_METHODS = {"transaction": ("PUT", "POST"), "batch": ("PUT", "POST")}
_NEVER = frozenset({"Bundle", "Parameters"})  # they hold resources that nobody would claim
_TEST = ("http://terminology.hl7.org/CodeSystem/v3-ActReason", "http://hl7.org/fhir/v3/ActReason")  # STU3's is the last
_PRODUCTION, _TRAINING = "P", "T"  # HL7 table 0103
_LONGEST_NAME = 200


class Number(NamedTuple):
    """An identifier by which a request says which resource it means: ``Patient?identifier=system|value``."""

    system: str
    value: str


@dataclass(frozen=True, slots=True)
class Entry:
    """One resource of a message, and what names it.

    Attributes:
        place: ``Patient``, or ``Bundle.entry[2].resource``.
        kind: Its type in the release of its sender.
        id: Its own id, where the sender knows it by that: not the one that a POST asks to be given anew, nor one beside
            a ``urn:`` that stands for it within this Bundle only.
        full_url: Of the entry; empty without one.
        condition: The identifier that a conditional request names.
        is_new: Each time it is sent it is another resource: a POST without a condition.
    """

    place: str
    resource: Json
    kind: str
    id: str = ""
    full_url: str = ""
    condition: Number | None = None
    is_new: bool = False


@dataclass(frozen=True, slots=True)
class Document:
    """A message that came in as FHIR.

    Attributes:
        resource: As sent; whoever converts it may change it.
        event: What it is, as MSH-9.2 of HL7: the type of the resource, or of the Bundle.
        digest: Of the bytes as received.
    """

    resource: Json
    event: str
    entries: tuple[Entry, ...]
    digest: str
    code: str = field(default=CODE, init=False)

    @property
    def control_id(self) -> str:
        """What its sender calls it: the Bundle's identifier; empty where it has none."""
        return text_of(dict_of(self.resource.get("identifier")).get("value"))[:_LONGEST_NAME] if self._is_bundle else ""

    @property
    def processing_id(self) -> str:
        """MSH-11 of HL7: ``T`` where a security label says that it is test health data, ``P`` otherwise."""
        labelled = any(_is_test(one) for one in (self.resource, *(entry.resource for entry in self.entries)))
        return _TRAINING if labelled else _PRODUCTION

    @property
    def _is_bundle(self) -> bool:
        return self.resource.get("resourceType") == "Bundle"


def read_document(body: bytes) -> Document:
    """Return the message that a body holds; its resources are not judged yet.

    Raises:
        FhirUnreadable, FhirTooLarge: see `read_json`.
        FhirNotTaken: it is no resource, or nothing that comes in here.
    """
    resource = read_json(body)
    digest = hashlib.sha256(body).hexdigest()
    kind = text_of(resource.get("resourceType"))
    if kind != "Bundle":
        if kind not in resource_types() | renamed_types():
            raise FhirNotTaken("resourceType")  # it may be anything: it is not to stand in a trace
        entry = Entry(kind, resource, _kind_of(resource, "resourceType"), text_of(resource.get("id")))
        return Document(resource, kind, (entry,), digest)
    event = text_of(resource.get("type"))
    if event not in BUNDLES:
        raise FhirNotTaken("Bundle.type")
    entries = tuple(_entries(resource, event))
    if not entries:
        raise FhirNotTaken("Bundle.entry")
    return Document(resource, event, entries, digest)


def text_of(value: object) -> str:
    """Return a value that is text; empty where it is anything else: hostile input has any type anywhere."""
    return value if isinstance(value, str) else ""


def dict_of(value: object) -> Json:
    """Return a value that is an object; an empty one where it is anything else."""
    return value if isinstance(value, dict) else {}


def dicts_of(value: object) -> list[Json]:
    """Return the objects of a list; none where there is no list."""
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def read_condition(query: str, place: str) -> Number | None:
    """Return the identifier that a search names (``identifier=system|value``); None for an empty one.

    Raises:
        FhirNotTaken: it searches by anything else.
    """
    if not query:
        return None
    [(name, said), *others] = parse_qsl(query, keep_blank_values=True) or [("", "")]
    system, bar, value = said.rpartition("|")
    if name != "identifier" or others or not value or (bar and not system):
        raise FhirNotTaken(place)
    return Number(system, value)


def _entries(bundle: Json, event: str) -> Iterator[Entry]:
    listed = bundle.get("entry")
    for index, entry in enumerate(listed if isinstance(listed, list) else ()):
        place = f"Bundle.entry[{index}]"
        if not isinstance(entry, dict) or not isinstance(entry.get("resource"), dict):
            raise FhirNotTaken(f"{place}.resource")
        yield _entry(entry, entry["resource"], event, place)


def _entry(entry: Json, resource: Json, event: str, place: str) -> Entry:
    kind = _kind_of(resource, f"{place}.resource")
    full_url, own_id = text_of(entry.get("fullUrl")), text_of(resource.get("id"))
    is_urn = full_url.startswith("urn:")
    request = dict_of(entry.get("request"))
    if event not in _METHODS:
        return Entry(f"{place}.resource", resource, kind, "" if is_urn else own_id, full_url)
    method = text_of(request.get("method")) or "POST"
    if method not in _METHODS[event] or request.get("ifMatch") is not None:
        raise FhirNotTaken(f"{place}.request")
    named, _, query = text_of(request.get("url")).partition("?")
    if method == "POST":
        condition = read_condition(
            text_of(request.get("ifNoneExist")).removeprefix("?"), f"{place}.request.ifNoneExist"
        )
        return Entry(f"{place}.resource", resource, kind, "", full_url, condition, is_new=condition is None)
    condition = read_condition(query, f"{place}.request.url")
    type_named, _, id_named = named.partition("/")
    if type_named != kind or bool(id_named) == (condition is not None) or (id_named and own_id not in ("", id_named)):
        raise FhirNotTaken(f"{place}.request.url")
    return Entry(f"{place}.resource", resource, kind, id_named, full_url, condition)


def _kind_of(resource: Json, place: str) -> str:
    kind = text_of(resource.get("resourceType"))
    if not kind.isalpha() or not kind.isascii() or kind in _NEVER:
        raise FhirNotTaken(place)
    return kind


def _is_test(resource: Json) -> bool:
    labels = dicts_of(dict_of(resource.get("meta")).get("security"))
    return any(label.get("code") == "HTEST" and label.get("system") in _TEST for label in labels)
