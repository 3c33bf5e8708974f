"""The peer of bench/convert.py: the same two bundles, made with hl7apy and fhir.resources as their documentation says.

It does what we do, and no more: ``parse_message`` with its defaults, every value read through the objects that it
gives, each kind of value by a small function, codes looked up in plain dicts, resources once each, ids by ``uuid5``,
one ``Bundle`` of R4B models (which validates every resource), and ``model_dump_json``. It knows only the fields and
codes of the two messages that are measured: no conditions, no findings, no escape sequences. ``bench.convert`` compares
the bundles before it measures: all resources, elements and references are the same.
"""

from __future__ import annotations

import json

from bench.peer_admission import Admission
from bench.peer_results import Results
from bench.peer_values import Json, made_id, moment, text


def peer(raw: bytes) -> str:
    """Return the bundle of a message as JSON."""
    from fhir.resources.R4B.bundle import Bundle
    from hl7apy.parser import parse_message

    message = parse_message(raw.decode())
    bundle = Admission(message) if text(message.msh.msh_9.msg_1) == "ADT" else Results(message)
    made = Bundle(
        type="transaction",
        id=made_id("Bundle", text(message.msh.msh_10)),
        identifier={"system": "urn:id:message-control-id", "value": text(message.msh.msh_10)},
        timestamp=moment(message.msh.msh_7),
        entry=list(bundle.entries.values()),
    )
    return str(made.model_dump_json())


def differences(ours: bytes, theirs: str) -> list[str]:
    """Return the types of the resources that two bundles do not share, when ids are taken for what they stand for."""
    mine, other = (sorted(_named(json.loads(one))) for one in (ours, theirs))
    return [*(one for one in mine if one not in other), *(one for one in other if one not in mine)]


def _named(bundle: Json) -> list[str]:
    """Return each resource as sorted JSON, with ids that say what has them, followed from reference to reference."""
    resources = {entry["fullUrl"]: entry["resource"] for entry in bundle["entry"]}

    def write(url: str, depth: int) -> str:
        said = {key: value for key, value in resources[url].items() if key != "id"}
        written = json.dumps(said, sort_keys=True)
        for other in resources:
            if f'"{other}"' in written:
                written = written.replace(other, write(other, depth - 1) if depth else resources[other]["resourceType"])
        return written

    return [write(url, 1) for url in resources]
