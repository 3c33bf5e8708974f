"""The triggers, in pipeline order. Each parses its trigger and calls one use case of the hub."""

from functions import (
    affected,
    connectors,
    console,
    dead_letter,
    deliver,
    fhir_api,
    health,
    hub,
    ingest,
    purge,
    replay,
    retry,
    route,
    transform,
)

BLUEPRINTS = (
    ingest.blueprint,
    transform.blueprint,
    route.blueprint,
    deliver.blueprint,
    retry.blueprint,
    dead_letter.blueprint,
    replay.blueprint,
    purge.blueprint,
    hub.blueprint,
    affected.blueprint,
    connectors.blueprint,
    fhir_api.blueprint,
    console.blueprint,
    health.blueprint,
)
