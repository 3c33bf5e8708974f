"""A message in FHIR as canonical changes: R4, under the ids that the hub knows, with notes of what is whose."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from shared.changes.notes import ChangeNotes, ListMode, ResourceChange
from shared.changes.references import refers, without
from shared.changes.tags import MARK_SYSTEM, SEQUENCE_SYSTEM
from shared.fhir.bundle import put_entry
from shared.fhir.releases import to_r4
from shared.fhir.schema import type_of
from shared.fhir.survey import content_of
from shared.fhir.validate import validate_resource
from shared.fhir_in.claims import (
    CLAIMED,
    Target,
    entry_claims,
    names_of,
    outside_claims,
    references_of,
    target_of,
    without_version,
)
from shared.fhir_in.document import CODE, Document, Entry, dict_of, dicts_of, text_of
from shared.fhir_in.reading import Json
from shared.fhir_in.source import Source
from shared.mapping.convert import Conversion
from shared.mapping.identity import Mint
from shared.message.errors.fhir import FhirInvalid, FhirNotTaken
from shared.message.errors.mapping import NotFhir
from shared.message.finding import Finding

_SERVER_KEPT = ("versionId", "lastUpdated")
_OBSERVED = "http://terminology.hl7.org/CodeSystem/v3-ObservationValue"
_NO_CLASS = {"system": "http://terminology.hl7.org/CodeSystem/v3-NullFlavor", "code": "UNK", "display": "unknown"}


def convert_document(
    document: Document,
    source: Source,
    ids: Mapping[str, str],
    mint: Mint,
    repeats: Literal["snapshot", "action"] = "snapshot",
    *,
    urls: dict[str, str] | None = None,
) -> Conversion:
    """Return the conversion of a message; equal messages, sources and ids give equal bundles.

    Args:
        document: It is used up: what it holds is changed.
        ids: Of the persons and visits, by the place of their claim.
        repeats: How repeating elements of a Patient or Encounter relate to what is stored.
        urls: Collects the fullUrl of each entry by its place, for a report.
    Raises:
        FhirInvalid: a resource breaks FHIR, or a reference within the Bundle leads nowhere.
        FhirNotTaken: a resource is of a type that the interface does not take.
    """
    conversion = _Conversion(document, source, ids, mint)
    result = conversion.run(ListMode(repeats))
    if urls is not None:
        urls.update(conversion.urls)
    return result


def check_document(document: Document, source: Source) -> tuple[list[Json | None], list[Finding]]:
    """Return each resource of a message as R4, None for one that R4 has no type for; and what has no home there.

    Raises:
        FhirInvalid, FhirNotTaken: see `convert_document`.
    """
    findings: list[Finding] = []
    resources = [_as_r4(entry, source, findings) for entry in document.entries]
    if not any(resources):
        raise FhirNotTaken(document.entries[0].place)
    left_out = {entry.place for entry, one in zip(document.entries, resources, strict=True) if one is None}
    if left_out:
        gone = {name for name, entry in names_of(document).items() if entry.place in left_out}
        resources = [without(one, gone) if one is not None and refers(one, gone) else one for one in resources]
    pairs = [(entry, one) for entry, one in zip(document.entries, resources, strict=True) if one is not None]
    faults = [fault for entry, one in pairs for fault in _faults(entry, one)]
    if faults:
        raise FhirInvalid.of(*faults)
    return resources, findings


def _as_r4(entry: Entry, source: Source, findings: list[Finding]) -> Json | None:
    if source.resources and entry.kind not in source.resources:
        raise FhirNotTaken(entry.place)
    resource = entry.resource
    if source.release != "R4":
        try:
            converted = to_r4(resource, source.release)
        except NotFhir:
            raise FhirInvalid.of(Finding("fhir_type", entry.place)) from None
        resource = converted.resource
        findings += [one._replace(place=_within(entry, one.place)) for one in converted.findings]
        if type_of(resource) is None:
            return None
    elif type_of(resource) is None:
        raise FhirNotTaken(entry.place)
    return resource


def _within(entry: Entry, place: str) -> str:
    """Return a place of a resource as one of the message: ``Bundle.entry[1].resource.photo``."""
    rest = place.partition(".")[2]
    return f"{entry.place}.{rest}" if rest else entry.place


def _faults(entry: Entry, resource: Json) -> list[Finding]:
    return [fault._replace(place=_within(entry, fault.place)) for fault in validate_resource(resource)]


class _Conversion:
    """One message on its way."""

    def __init__(self, document: Document, source: Source, ids: Mapping[str, str], mint: Mint) -> None:
        self._document, self._source, self._ids, self._mint = document, source, ids, mint
        self._inside = names_of(document)
        self._claims = {claim.place: claim for claim in entry_claims(document, source)}
        self._outside = {target: ids[claim.place] for target, claim in outside_claims(document, source).items()}
        self._findings: list[Finding] = []
        self._entries: dict[str, Json] = {}
        self._notes: dict[str, ResourceChange] = {}
        self._stubs: set[str] = set()
        self.urls: dict[str, str] = {}

    def run(self, repeats: ListMode) -> Conversion:
        resources, found = check_document(self._document, self._source)
        self._findings += found
        pairs = list(zip(self._document.entries, resources, strict=True))
        self.urls = self._urls([(entry, one) for entry, one in pairs if one is not None])
        for entry, resource in pairs:
            if resource is not None and (own_id := text_of(resource.get("id"))):
                self._inside.setdefault(f"{resource['resourceType']}/{own_id}", entry)  # R4 may name it otherwise
        for entry, resource in pairs:
            if resource is not None:
                self._redirect(resource, entry)
                self._put(entry, resource, self.urls[entry.place])
        notes = ChangeNotes(CODE, self._document.event, tuple(self._notes.values()), repeats)
        return Conversion(self._bundle(), notes, self._findings)

    def _urls(self, pairs: list[tuple[Entry, Json]]) -> dict[str, str]:
        """Return the fullUrl of each entry by its place; entries that say the very same are one."""
        by_content: dict[bytes, str] = {}
        return {entry.place: by_content.setdefault(content_of(one), self._url(entry, one)) for entry, one in pairs}

    def _url(self, entry: Entry, resource: Json) -> str:
        kind = resource["resourceType"]
        return "urn:uuid:" + (self._ids[entry.place] if kind in CLAIMED else self._mint(kind, *self._key(entry)))

    def _key(self, entry: Entry) -> tuple[str, ...]:
        """Return what makes a resource of the source the same the next time."""
        own = ("fhir", self._source.id)
        if entry.condition is not None:
            return (*own, "identifier", *entry.condition)
        if entry.id:
            return (*own, "id", entry.id)
        numbers = dicts_of(entry.resource.get("identifier"))
        value = text_of(numbers[0].get("value")) if numbers else ""
        if value and not entry.is_new:
            return (*own, "identifier", text_of(numbers[0].get("system")), value)
        return (*own, "message", self._document.digest, entry.place)

    def _redirect(self, resource: Json, entry: Entry) -> None:
        """Let the references of a resource lead where the hub has what they name."""
        for place, reference in references_of(resource, entry.place):
            text = without_version(text_of(reference.get("reference")))
            inside = self._inside.get(text) or self._inside.get(text.removeprefix(f"{self._source.base}/"))
            if inside is None and "?" in text:
                inside = self._inside_by_condition(text)
            if inside is not None:
                reference["reference"] = self.urls[inside.place]
            elif text.startswith("urn:uuid:"):
                raise FhirInvalid.of(Finding("fhir_reference", place, "leads nowhere in the bundle"))
            elif not text.startswith("#"):
                self._redirect_outside(reference, place)

    def _inside_by_condition(self, text: str) -> Entry | None:
        target = target_of({"reference": text}, self._source, {})
        if target is None or target.number is None:
            return None
        return self._inside.get(f"{target.kind}?{target.number.system}|{target.number.value}")

    def _redirect_outside(self, reference: Json, place: str) -> None:
        target = target_of(reference, self._source, self._inside)
        sought, is_search, _ = text_of(reference.get("reference")).partition("?")
        if target is None and is_search and sought.isalpha():
            raise FhirInvalid.of(Finding("fhir_reference", place, "searches by something else than an identifier"))
        if target is None:
            self._findings.append(Finding("reference_elsewhere", place))
        elif target in self._outside:
            reference["reference"] = self._stub(target)
        elif target.kind not in CLAIMED:
            named = ("id", target.id) if target.number is None else ("identifier", *target.number)
            reference["reference"] = f"{target.kind}/{self._mint(target.kind, 'fhir', self._source.id, *named)}"
            self._findings.append(Finding("reference_outside", place))

    def _stub(self, target: Target) -> str:
        """Return the fullUrl of a person or visit that the message only refers to; created where it is missing."""
        resource: Json = {"resourceType": target.kind, "id": self._outside[target]}
        url = f"urn:uuid:{resource['id']}"
        if url in self._entries:
            return url
        if target.number is not None:
            system, value = target.number
            resource["identifier"] = [{**({"system": system} if system else {}), "value": value}]
        if target.kind == "Encounter":
            resource |= {"status": "unknown", "class": _NO_CLASS}
        self._entries[url] = put_entry(resource, url)
        self._notes[url] = ResourceChange(url, provisional=True)
        self._stubs.add(url)
        return url

    def _put(self, entry: Entry, resource: Json, url: str) -> None:
        """Add a resource under its id; the same said twice counts once."""
        kind, is_partial = resource["resourceType"], _keep_meta(resource)
        resource["id"] = url.removeprefix("urn:uuid:")
        before = self._entries.get(url)
        if before is not None and url not in self._stubs:
            if content_of(before["resource"]) != content_of(resource):
                raise FhirInvalid.of(Finding("fhir_duplicate", entry.place, "another entry says something else of it"))
            self._findings.append(Finding("entry_repeated", entry.place))
            return
        self._stubs.discard(url)
        self._entries[url] = put_entry(resource, url)
        is_owned = kind not in CLAIMED or kind in self._source.owns
        if not is_owned:
            self._findings.append(Finding("resource_not_owned", entry.place))
        self._notes[url] = ResourceChange(
            url,
            provisional=not is_owned,
            unidentified="unidentified" in self._doubts(entry),
            whole=kind not in CLAIMED and not is_partial,
        )

    def _doubts(self, entry: Entry) -> frozenset[str]:
        """Return what a claim says against its own numbers, and tell it."""
        claim = self._claims.get(entry.place)
        if claim is None:
            return frozenset()
        if "placeholder" in claim.flags:
            self._findings.append(Finding("identifier_placeholder", entry.place))
        if "unidentified" in claim.flags:
            self._findings.append(Finding("identity_missing", entry.place))
        return claim.flags

    def _bundle(self) -> Json:
        sent = self._document.resource
        bundle: Json = {
            "resourceType": "Bundle",
            "id": self._mint("Bundle", "fhir", self._source.id, self._document.digest),
        }
        if sent.get("resourceType") == "Bundle":
            control_id = text_of(dict_of(sent.get("identifier")).get("value"))
            if control_id:
                bundle["identifier"] = {"system": "urn:id:message-control-id", "value": control_id}
            if text_of(sent.get("timestamp")):
                bundle["timestamp"] = sent["timestamp"]
        return {**bundle, "type": "transaction", "entry": list(self._entries.values())}


def _keep_meta(resource: Json) -> bool:
    """Leave in ``meta`` what is the source's to say; return whether it says that the resource is not whole.

    Version and time are the server's, and what the hub remembers in tags is for nobody else to write.
    """
    meta = dict_of(resource.pop("meta", None))
    tags = dicts_of(meta.get("tag"))
    own = [tag for tag in tags if not text_of(tag.get("system")).startswith((SEQUENCE_SYSTEM, MARK_SYSTEM))]
    kept = {name: value for name, value in meta.items() if name.lstrip("_") not in (*_SERVER_KEPT, "tag")}
    if own:
        kept["tag"] = own
    if kept:
        resource["meta"] = kept
    return any(tag.get("system") == _OBSERVED and tag.get("code") == "SUBSETTED" for tag in tags)
