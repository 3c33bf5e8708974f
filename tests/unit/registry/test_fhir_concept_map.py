"""FHIR ConceptMaps as local codes of an interface."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from shared.registry import check_registry
from shared.registry.concept_map import read_concept_maps

LOCAL, TABLE_1 = "urn:id:L", "http://terminology.hl7.org/CodeSystem/v2-0001"
LOINC = "http://loinc.org"


def written(folder: Path, *targets: dict[str, Any], source: str = LOCAL, **group: Any) -> Path:
    """Write a map of the code ``K`` to these targets, for the interface in a folder."""
    element = {"code": "K", "target": list(targets)}
    said = {"resourceType": "ConceptMap", "status": "active"}
    said["group"] = [{"source": source, "target": LOINC, "element": [element], **group}]
    file = folder / "concept_maps" / "codes.json"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(said), "utf-8")
    return file


def target(code: str, **said: Any) -> dict[str, Any]:
    return {"code": code, "equivalence": "equivalent", **said}


@pytest.mark.parametrize(
    ("source", "as_sent"),
    [(LOCAL, "L"), (TABLE_1, "0001"), (TABLE_1, "HL70001"), (LOINC, "LN"), ("urn:oid:1.2.3", "1.2.3"), ("", "")],
)
def test_a_system_is_known_by_its_uri_however_the_sender_writes_it(tmp_path: Path, source: str, as_sent: str) -> None:
    """HL7 table 0396 has several names for one system; a ConceptMap has one URI."""
    written(tmp_path, target("2823-3", display="Potassium"), source=source)
    codes, problems = read_concept_maps(tmp_path)

    assert problems == []
    assert codes.translate(as_sent, "K") == (LOINC, "2823-3", "Potassium")
    assert codes.translate(as_sent, "NA") is None
    assert codes.translate("OTHER", "K") is None


@pytest.mark.parametrize(
    ("said", "is_taken"),
    [
        # R4 concept-map-equivalence: what the target means, seen from the source.
        ({"equivalence": "equal"}, True), ({"equivalence": "equivalent"}, True), ({"equivalence": "wider"}, True),
        ({"equivalence": "subsumes"}, True), ({"equivalence": "narrower"}, False),
        ({"equivalence": "specializes"}, False), ({"equivalence": "inexact"}, False),
        ({"equivalence": "relatedto"}, False), ({"equivalence": "unmatched"}, False),
        ({"equivalence": "disjoint"}, False),
        # R5 concept-map-relationship.
        ({"equivalence": None, "relationship": "equivalent"}, True),
        ({"equivalence": None, "relationship": "source-is-narrower-than-target"}, True),
        ({"equivalence": None, "relationship": "source-is-broader-than-target"}, False),
        ({"equivalence": None, "relationship": "related-to"}, False),
        ({"equivalence": None, "relationship": "not-related-to"}, False),
    ],
)  # fmt: skip
def test_a_target_is_taken_if_it_is_true_of_whatever_had_the_code(
    tmp_path: Path, said: dict[str, Any], is_taken: bool
) -> None:
    """A narrower code says something of the patient that the sender did not."""
    written(tmp_path, target("1", **said))
    codes, problems = read_concept_maps(tmp_path)

    assert (codes.translate("L", "K") is not None, problems) == (is_taken, [])


def test_the_best_of_several_targets_is_taken(tmp_path: Path) -> None:
    """The same before something wider, whatever the order."""
    written(tmp_path, target("w", equivalence="wider"), target("e"), target("n", equivalence="narrower"))

    assert read_concept_maps(tmp_path)[0].translate("L", "K") == (LOINC, "e", "")


@pytest.mark.parametrize(
    ("targets", "group", "words"),
    [
        ((target("1"), target("2")), {}, "group[0].element[0]: two targets are equally good"),
        ((target("1", equivalence="like"),), {}, "group[0].element[0]: a target without a known equivalence"),
        ((target(""),), {}, "group[0].element[0]: a target needs group.target and a code"),
        ((target("1"),), {"target": ""}, "group[0].element[0]: a target needs group.target and a code"),
        ((target("1", dependsOn=[{"property": "x", "value": "y"}]),), {}, "dependsOn is not supported"),
        (("1",), {}, "group[0].element[0]: not as R4 has it"),
        ((), {"element": [{"target": []}]}, "group[0].element[0]: not as R4 has it"),
        ((), {"element": [{"code": "A", "target": [target("1")]}] * 2}, "group[0].element[1]: this source code is"),
    ],
)
def test_a_fault_names_its_place(tmp_path: Path, targets: Any, group: Any, words: str) -> None:
    """Which of two meanings counts, nobody should have to guess."""
    written(tmp_path, *targets, **group)
    [problem] = read_concept_maps(tmp_path)[1]

    assert words in problem.text


@pytest.mark.parametrize(("text", "line", "words"), [("{\n", 2, "not JSON"), ("{}", 1, "not a"), ("[]", 1, "not a")])
def test_a_file_that_is_no_concept_map_is_a_problem(files: Any, text: str, line: int, words: str) -> None:
    """`caduceus interfaces check` finds it before the first message does."""
    folder = files.root / "ward" / "concept_maps"
    folder.mkdir()
    (folder / "codes.json").write_text(text, "utf-8")
    [problem] = check_registry(files.root)

    assert (problem.file.name, problem.line) == ("codes.json", line)
    assert words in problem.text
