"""Our verdict against another judge's: one that evaluates the FHIRPath of the standard itself, in JavaScript."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from shared.fhir.validate import validate_bundle, validate_resource
from tests.unit.fhir.defects import DEFECTS, plant
from tests.unit.fhir.definitions import find_judge_packages
from tests.unit.fhir.samples import wide_bundle


@pytest.fixture(scope="module")
def judge(tmp_path_factory: pytest.TempPathFactory, shared_dir: Path) -> Path:
    """The script of the other judge, beside the packages it imports."""
    script = tmp_path_factory.mktemp("judge") / "r4judge.mjs"
    shutil.copy(shared_dir / "tools" / "r4judge" / script.name, script)
    (script.parent / "node_modules").symlink_to(find_judge_packages())
    return script


def errors_by_file(judge: Path, files: list[Path], folder: Path) -> dict[str, list[str]]:
    """Return what the other judge calls an error, by file name."""
    report = folder / "report.judge"
    command = ["node", judge.name, "--json", str(report), *map(str, files)]
    subprocess.run(command, cwd=judge.parent, check=True, timeout=120)
    found = json.loads(report.read_bytes())["out"]
    return {
        Path(name).name: [line for line in lines if not line.startswith("warning")] for name, lines in found.items()
    }


def test_planted_defects_are_judged_alike(judge: Path, tmp_path: Path) -> None:
    """What the standard's own expressions find, we find; where we are alone, the defect says so."""
    files = [tmp_path / "valid.json", *(tmp_path / f"{index}.json" for index in range(len(DEFECTS)))]
    for file, bundle in zip(files, [wide_bundle(), *map(plant, DEFECTS)], strict=True):
        file.write_text(json.dumps(bundle), encoding="utf-8")

    errors = errors_by_file(judge, files, tmp_path)

    assert errors["valid.json"] == []
    silent = {DEFECTS[index].name for index in range(len(DEFECTS)) if not errors[f"{index}.json"]}
    assert silent == {defect.name for defect in DEFECTS if defect.judge_is_silent}


@pytest.mark.corpus
@pytest.mark.slow
def test_published_bundles_are_judged_alike(judge: Path, shared_dir: Path, tmp_path: Path) -> None:
    """Three hundred bundles that other converters publish, most of them invalid: no verdict differs."""
    files = sorted((shared_dir / "corpus" / "expected").glob("*.json"))

    errors = errors_by_file(judge, files, tmp_path)

    assert {name for name, lines in errors.items() if lines} == {file.name for file in files if is_invalid(file)}


def is_invalid(file: Path) -> bool:
    """Return our verdict, leaving out repetition, which no rule of the standard forbids."""
    resource = json.loads(file.read_text(encoding="utf-8-sig"))
    is_bundle = resource.get("resourceType") == "Bundle"
    findings = validate_bundle(resource) if is_bundle else validate_resource(resource)
    return any(finding.code != "fhir_duplicate" for finding in findings)
