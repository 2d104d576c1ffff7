"""The FHIR door: reads bundles of FHIR R4 in JSON, finds what is wrong, says who provided the care."""
