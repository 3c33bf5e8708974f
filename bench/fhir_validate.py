"""What it costs to judge a bundle of twelve entries, against the models of fhir.resources."""

from __future__ import annotations

from typing import Any

from fhir.resources.R4B.bundle import Bundle

from bench.measure import Row, interleaved
from shared.fhir.schema import are_valid
from shared.fhir.validate import validate_bundle
from tests.unit.fhir.samples import sample_bundle

# Microseconds that the design asks for where fhir.resources takes 2,375: the schemas alone, and all that is judged.
GOALS = {"schemas": 34, "judged": 40}
MODELS_MICROSECONDS = 2375


def run() -> list[Row]:
    """Return how many times faster we are than the models: by schema alone, and with all that we look at."""
    bundle = sample_bundle()
    parts: dict[str, list[dict[str, Any]]] = {"Bundle": [bundle]}
    for entry in bundle["entry"]:
        parts.setdefault(entry["resource"]["resourceType"], []).append(entry["resource"])
    validate_bundle(bundle)  # compiles the schemas; what that costs is cold_start's to measure
    seconds = interleaved(
        {
            "schemas": lambda: are_valid(parts),
            "judged": lambda: validate_bundle(bundle, is_closed=True),
            "models": lambda: Bundle.model_validate(bundle),
        }
    )
    return [
        compare("R4 schemas of a bundle of 12", "schemas", seconds),
        compare("R4 with invariants and references", "judged", seconds),
    ]


def compare(what: str, name: str, seconds: dict[str, float]) -> Row:
    """Return one candidate against the models; the goal is the design's ratio."""
    ratio = seconds["models"] / seconds[name]
    goal = MODELS_MICROSECONDS / GOALS[name]
    ours, models = (f"{seconds[key] * 1e6:,.0f} µs" for key in (name, "models"))
    return Row(what, ours, f"fhir.resources {models}", ratio, f"{goal:.0f}x", ratio >= goal)


if __name__ == "__main__":
    for row in run():
        print(f"{row.what}: {row.ours} against {row.against}: {row.ratio:.1f}x (goal {row.goal})")
