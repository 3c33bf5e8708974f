"""A FHIR ConceptMap (R4, or R5's ``relationship``) as the local codes of an interface.

A target stands for a code when it means the same or something wider: then it is true of whatever had the code. A
narrower, inexact or merely related one would say more than the sender did, and is not taken: the code keeps its
original.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson

from shared.registry.problem import Problem

Meaning = tuple[str, str, str]

# R4 ConceptMap.group.element.target.equivalence and R5 relationship, best first.
_TRUE = ("equal", "equivalent", "wider", "subsumes", "source-is-narrower-than-target")
_OTHERS = frozenset({"relatedto", "narrower", "specializes", "inexact", "unmatched", "disjoint"}) | frozenset(
    {"related-to", "source-is-broader-than-target", "not-related-to"}
)


class _Fault(ValueError):
    """What is wrong with one place of the map."""


def read_fhir_concept_map(file: Path, meanings: dict[tuple[str, str], Meaning]) -> list[Problem]:
    """Add what a ConceptMap says, by system (its URI) and code; return what is wrong with the file."""
    try:
        content = orjson.loads(file.read_bytes())
    except OSError as error:
        return [Problem(file, 1, f"cannot be read: {error.strerror}")]
    except orjson.JSONDecodeError as error:
        return [Problem(file, error.lineno, f"not JSON: {error.msg}")]
    if not isinstance(content, dict) or content.get("resourceType") != "ConceptMap":
        return [Problem(file, 1, "not a ConceptMap")]
    problems: list[Problem] = []
    for place, source, element, target_system in _elements(content):
        try:
            meaning = _meaning(element, target_system)
            if meaning is None:
                continue
            if (source, element["code"]) in meanings:
                raise _Fault("this source code is mapped twice")
            meanings[source, element["code"]] = meaning
        except _Fault as fault:
            problems.append(Problem(file, 1, f"{place}: {fault}"))
        except (AttributeError, KeyError, TypeError):
            problems.append(Problem(file, 1, f"{place}: not as R4 has it"))
    return problems


def _elements(content: dict[str, Any]) -> Iterator[tuple[str, str, Any, str]]:
    """Yield each element with its place, the system of its code and that of its targets."""
    for number, group in enumerate(_list(content, "group")):
        for index, element in enumerate(_list(group, "element")):
            place = f"group[{number}].element[{index}]"
            yield place, str(group.get("source", "")), element, str(group.get("target", ""))


def _list(holder: Any, name: str) -> list[Any]:
    found = holder.get(name, []) if isinstance(holder, dict) else []
    return found if isinstance(found, list) else []


def _meaning(element: dict[str, Any], target_system: str) -> Meaning | None:
    """Return the best target that is true of the code; None where there is none."""
    element["code"].strip()  # a code is text
    by_rank: dict[int, list[dict[str, Any]]] = {}
    for target in element.get("target", ()):
        kind = target.get("equivalence") or target.get("relationship")
        if kind not in _TRUE and kind not in _OTHERS:
            raise _Fault("a target without a known equivalence")
        if kind in _TRUE:
            if target.get("dependsOn"):
                raise _Fault("dependsOn is not supported: one code decides alone")
            by_rank.setdefault(_TRUE.index(kind), []).append(target)
    if not by_rank:
        return None
    best = by_rank[min(by_rank)]
    if len(best) > 1:
        raise _Fault("two targets are equally good")
    if not target_system or not best[0].get("code"):
        raise _Fault("a target needs group.target and a code")
    return target_system, str(best[0]["code"]), str(best[0].get("display", ""))
