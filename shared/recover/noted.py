"""The codes that the ledger notes about messages: by these, and by no others, messages are found."""

from __future__ import annotations

import difflib
import re
from functools import cache

from shared.message.errors import every_error

# docs/findings.md says what each means.
NOTED = frozenset(
    {
        "blank_before_header", "byte_order_mark", "charset_undecodable", "code_unmapped", "component_without_drug",
        "control_id_reused", "correction_without_value", "currency_invalid", "custom_without_place", "data_invalid",
        "date_imprecise", "date_invalid", "element_without_home", "encoding_characters_doubled",
        "encoding_characters_missing", "entry_repeated", "frame_left_over", "guarantor_unnamed",
        "identifier_mothers_number", "identifier_placeholder",
        "identifiers_disagree", "identity_missing", "last_line_end_missing", "line_end_in_field", "line_end_not_cr",
        "message_late", "note_without_place", "number_invalid", "number_out_of_range", "offset_left_out",
        "period_imprecise", "period_reversed", "person_other", "profile_element_missing", "reference_elsewhere",
        "reference_outside", "resource_not_owned", "resource_repeated", "resource_without_home", "role_left",
        "role_without_place", "route_without_drug", "segment_before_parent", "segment_local", "segment_unknown",
        "segment_unmapped", "segment_without_parent", "statement_differs", "time_ambiguous", "time_invalid",
        "time_skipped", "timing_as_text", "timing_without_order", "transaction_no_charge", "type_unknown",
        "value_type_unknown",
    }
)  # fmt: skip
# Found in a batch, against a structure, in what is shaped for one destination, by the store, or in a bundle that stops.
TOLD_ELSEWHERE = frozenset(
    {
        "batch_count_differs", "bytes_before_batch", "code_without_inverse", "component_not_in_version",
        "element_not_carried", "fhir_cardinality", "fhir_choice", "fhir_code", "fhir_duplicate", "fhir_invariant",
        "fhir_missing", "fhir_primitive", "fhir_reference", "fhir_type", "fhir_unknown", "fhir_url", "field_missing",
        "field_moved", "field_not_in_version", "field_repeats_too_often", "older_not_written", "order_not_known",
        "repetition_not_in_version", "resource_not_carried", "result_apart", "result_time_changed", "result_unclear",
        "results_remain", "segment_missing", "segment_not_in_version",
        "segment_renamed", "segment_unexpected", "state_refused", "structure_unknown", "time_of_day_lost",
    }
)  # fmt: skip

_CODE = re.compile(r"[A-Za-z0-9_-]{1,64}")


def is_noted(code: str) -> bool:
    """Tell whether this hub notes a code about messages: of a finding, or of an error that stops them."""
    return code in NOTED or code in _stopping()


def why_not_noted(code: str) -> str:
    """Return why no message is found by a code that is not noted; of one that there is not, with the nearest."""
    if code in TOLD_ELSEWHERE:
        return f"{code} is not noted about messages; docs/findings.md says where it is told"
    if code in _errors():
        return f"{code} stops no message that the hub took; `caduceus quarantine list` has the deliveries it stopped"
    known = {one.lower(): one for one in NOTED | TOLD_ELSEWHERE | _errors()}
    nearest = [known[one] for one in difflib.get_close_matches(code[:64].lower(), known)]
    # What has not the form of a code may be anything, a name as well: it is not repeated.
    said = f"the hub notes no {code if _CODE.fullmatch(code) else 'such code'} about messages"
    return f"{said}; {'nearest: ' + ', '.join(nearest) if nearest else 'docs/findings.md lists what it notes'}"


@cache
def _stopping() -> frozenset[str]:
    return frozenset(error.code for error in every_error() if error.stops_message)


@cache
def _errors() -> frozenset[str]:
    return frozenset(error.code for error in every_error())
