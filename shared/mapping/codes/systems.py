"""Names of code systems (HL7 table 0396) and of well-known assigners as FHIR systems.

Source: HL7 table 0396 and http://hl7.org/fhir/R4/terminologies-systems.html, identifier-registry.html.
"""

from __future__ import annotations

import re
from functools import lru_cache
from urllib.parse import quote

from shared.mapping.codes.tables import V2

CODE_SYSTEMS = {
    "LN": "http://loinc.org",
    "LNC": "http://loinc.org",
    "LOINC": "http://loinc.org",
    "SCT": "http://snomed.info/sct",
    "SNM3": "http://snomed.info/sct",
    "SNOMED": "http://snomed.info/sct",
    "SNOMED-CT": "http://snomed.info/sct",
    "SNOMEDCT": "http://snomed.info/sct",
    "UCUM": "http://unitsofmeasure.org",
    "RXNORM": "http://www.nlm.nih.gov/research/umls/rxnorm",
    "NDC": "http://hl7.org/fhir/sid/ndc",
    "CVX": "http://hl7.org/fhir/sid/cvx",
    "MVX": "http://hl7.org/fhir/sid/mvx",
    "HL70292": "http://hl7.org/fhir/sid/cvx",
    "HL70227": "http://hl7.org/fhir/sid/mvx",
    "NCIT": "http://ncicb.nci.nih.gov/xml/owl/EVS/Thesaurus.owl",
    "I10": "http://hl7.org/fhir/sid/icd-10",
    "I10C": "http://hl7.org/fhir/sid/icd-10-cm",
    "I10CM": "http://hl7.org/fhir/sid/icd-10-cm",
    "ICD10": "http://hl7.org/fhir/sid/icd-10",
    "ICD-10": "http://hl7.org/fhir/sid/icd-10",
    "ICD10CM": "http://hl7.org/fhir/sid/icd-10-cm",
    "ICD-10-CM": "http://hl7.org/fhir/sid/icd-10-cm",
    "I10P": "http://www.cms.gov/Medicare/Coding/ICD10",
    "I9": "http://hl7.org/fhir/sid/icd-9-cm",
    "I9C": "http://hl7.org/fhir/sid/icd-9-cm",
    "I9CDX": "http://hl7.org/fhir/sid/icd-9-cm",
    "ICD9": "http://hl7.org/fhir/sid/icd-9-cm",
    "C4": "http://www.ama-assn.org/go/cpt",
    "C5": "http://www.ama-assn.org/go/cpt",
    "CPT": "http://www.ama-assn.org/go/cpt",
    "CPTM": "http://www.ama-assn.org/go/cpt",
    "CDCREC": "urn:oid:2.16.840.1.113883.6.238",
    "FIPS6-4": "urn:oid:2.16.840.1.113883.6.93",
    "FIPS5_2": "urn:oid:2.16.840.1.113883.6.92",
    "ISO639": "urn:ietf:bcp:47",
    "ISO639-1": "urn:ietf:bcp:47",
    "ISO639-2": "urn:ietf:bcp:47",
    "ISO3166_1": "urn:iso:std:iso:3166",
    "ISO3166_2": "urn:iso:std:iso:3166:-2",
    "ISO+": "urn:oid:2.16.840.1.113883.6.255.1.1",
    "ANS+": "urn:oid:2.16.840.1.113883.6.255.1.2",
    "NUCC": "http://nucc.org/provider-taxonomy",
    "PHINVS": "urn:oid:2.16.840.1.114222.4.5.274",
    "CDCPHINVS": "urn:oid:2.16.840.1.114222.4.5.274",
    "UML": "http://www.nlm.nih.gov/research/umls",
    "MDC": "urn:iso:std:iso:11073:10101",
    "DCM": "http://dicom.nema.org/resources/ontology/DCM",
}

ASSIGNERS = {
    "NPI": "http://hl7.org/fhir/sid/us-npi",
    "USNPI": "http://hl7.org/fhir/sid/us-npi",
    "SSA": "http://hl7.org/fhir/sid/us-ssn",
    "USSSA": "http://hl7.org/fhir/sid/us-ssn",
}
NPI = ASSIGNERS["NPI"]
SSN = ASSIGNERS["SSA"]

_HL7_TABLE = re.compile(r"HL7-?(\d{4})")
_OID = re.compile(r"[0-2](\.(0|[1-9]\d*))+")
_UUID = re.compile(r"[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}")
_URI = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:\S+")


@lru_cache(maxsize=4096)
def code_system(name: str) -> str:
    """Return the FHIR system of a coding system's name (CWE.3); empty when the name says nothing.

    A local name becomes ``urn:id:<name>``: what was sent stays visible and is never taken for a registered system.
    """
    upper = name.upper()
    known = CODE_SYSTEMS.get(upper)
    if known or not upper:
        return known or ""
    if hl7 := _HL7_TABLE.fullmatch(upper):
        return V2 + hl7[1]
    return universal(name, "") or "urn:id:" + quote(name, safe="")


@lru_cache(maxsize=4096)
def universal(value: str, kind: str) -> str:
    """Return a universal id (HD.2) of a kind (HD.3: ISO, UUID, DNS, URI) as a URI; empty when it is none."""
    kind = kind.upper()
    if _OID.fullmatch(value):
        return "urn:oid:" + value
    if _UUID.fullmatch(value):
        return "urn:uuid:" + value.lower()
    if _URI.fullmatch(value):
        return value
    if kind == "DNS" and value and " " not in value:
        return "urn:dns:" + value
    return ""


@lru_cache(maxsize=4096)
def identifier_system(namespace: str, universal_id: str, kind: str) -> str:
    """Return the system of identifiers of an assigner (HD): registered, universal, or ``urn:id:<namespace>``."""
    known = ASSIGNERS.get(namespace.upper())
    if known:
        return known
    found = universal(universal_id, kind) or universal(namespace, "")
    name = namespace or universal_id
    return found or ("urn:id:" + quote(name, safe="") if name else "")
