"""Transform: HL7 v2 to canonical changes in FHIR R4, judged before they leave."""
