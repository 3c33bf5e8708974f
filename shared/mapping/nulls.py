"""What an HL7 null cannot end: one item of a list, for it does not say which, and what R4 wants to be there."""

from __future__ import annotations

# Lists of R4 whose items are made of several fields; a message says them anew, or leaves them.
_LISTS = frozenset(
    {
        "AllergyIntolerance.reaction",
        "Appointment.participant",
        "ChargeItem.note",
        "ChargeItem.performer",
        "ChargeItem.supportingInformation",
        "ClaimResponse.insurance",
        "ClaimResponse.processNote",
        "ClaimResponse.total",
        "DocumentReference.content",
        "DocumentReference.context.related",
        "DocumentReference.relatesTo",
        "Encounter.diagnosis",
        "Goal.target",
        "Immunization.education",
        "Immunization.note",
        "Immunization.performer",
        "Immunization.protocolApplied",
        "ImmunizationRecommendation.recommendation",
        "Location.extension",
        "Medication.ingredient",
        "MedicationAdministration.extension",
        "MedicationAdministration.note",
        "MedicationAdministration.performer",
        "MedicationDispense.authorizingPrescription",
        "MedicationDispense.dosageInstruction",
        "MedicationDispense.note",
        "MedicationDispense.performer",
        "MedicationRequest.basedOn",
        "MedicationRequest.dosageInstruction",
        "MedicationRequest.note",
        "NutritionOrder.note",
        "NutritionOrder.oralDiet.schedule",
        "Observation.extension",
        "Organization.address",
        "Patient.contact",
        "Practitioner.qualification",
        "PractitionerRole.specialty",
        "Procedure.code.coding",
        "ServiceRequest.note",
        "ServiceRequest.supportingInfo",
        "Specimen.container",
        "Substance.identifier",
        "Substance.instance",
        "SupplyRequest.parameter",
    }
)
_REQUIRED = frozenset(
    {
        "Appointment.status",
        "CarePlan.status",
        "ChargeItem.code",
        "ChargeItem.status",
        "ClaimResponse.created",
        "ClaimResponse.insurer",
        "Consent.category",
        "Consent.status",
        "DiagnosticReport.code",
        "DiagnosticReport.status",
        "DocumentReference.status",
        "Encounter.class",
        "Goal.description",
        "Goal.lifecycleStatus",
        "Immunization.occurrenceDateTime",
        "Immunization.status",
        "Immunization.vaccineCode",
        "MedicationAdministration.effective[x]",
        "MedicationAdministration.status",
        "MedicationDispense.status",
        "MedicationRequest.status",
        "MedicationRequest.substitution.allowedCodeableConcept",
        "NutritionOrder.dateTime",
        "NutritionOrder.status",
        "Observation.code",
        "Observation.status",
        "ServiceRequest.status",
        "Substance.code",
        "SupplyRequest.itemCodeableConcept",
    }
)


def outlasts_null(target: str) -> bool:
    """Tell whether a null leaves an element as it is: R4 requires it, or it is within an item of a list."""
    if target in _REQUIRED:
        return True
    names = target.split(".")
    return any(".".join(names[:count]) in _LISTS for count in range(2, len(names)))
