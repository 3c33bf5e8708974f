"""HL7 v2 data types as FHIR data types: one function each, from the text of one repetition."""
