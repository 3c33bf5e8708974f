"""FHIR STU3 and R5 as R4, at the edge: for the resources that the mapping makes. See docs/fhir-releases.md."""

from shared.fhir.releases.convert import Converted, renamed_types, to_r4

__all__ = ["Converted", "renamed_types", "to_r4"]
