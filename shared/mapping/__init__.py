"""HL7 v2 to FHIR R4, row by row after HL7's v2-to-FHIR guide. Pure: no I/O, no clock, no environment."""

from shared.mapping.claims.claim import Claim, ClaimDefaults, KnownBy
from shared.mapping.claims.message import identity_claims
from shared.mapping.context import MappingContext
from shared.mapping.convert import Conversion, convert
from shared.mapping.identity import MemoryResolver, Minter, Resolver

__all__ = [
    "Claim",
    "ClaimDefaults",
    "Conversion",
    "KnownBy",
    "MappingContext",
    "MemoryResolver",
    "Minter",
    "Resolver",
    "convert",
    "identity_claims",
]
