"""HL7 table codes as FHIR codes, by HL7's official code maps (``tables.json``), and the names of code systems."""
