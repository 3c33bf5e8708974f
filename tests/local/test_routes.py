"""Route templates match as the Functions host matches them."""

from __future__ import annotations

import pytest

from local.routes import compile_route


@pytest.mark.parametrize(
    ("template", "path", "parameters"),
    [
        ("health", "/health", {}),
        ("health", "/health/", {}),
        ("health", "/HEALTH", {}),
        ("", "/", {}),
        ("", "", {}),
        ("health", "/healthy", None),
        ("health", "/", None),
        ("ingest/{interface?}", "/ingest", {}),
        ("ingest/{interface?}", "/ingest/adt_east", {"interface": "adt_east"}),
        ("ingest/{interface?}", "/ingest/a/b", None),
        ("fhir/{type}/{id}", "/fhir/Patient/7", {"type": "Patient", "id": "7"}),
        ("fhir/{type}/{id}", "/fhir/Patient", None),
        ("console/{*rest}", "/console", {}),
        ("console/{*rest}", "/console/js/app.js", {"rest": "js/app.js"}),
        ("console/{**rest}", "/console/js/app.js", {"rest": "js/app.js"}),
        ("n/{id:int}", "/n/-12", {"id": "-12"}),
        ("n/{id:int}", "/n/x", None),
        ("n/{id:int?}", "/n", {}),
        ("n/{id:guid}", "/n/0f8fad5b-d9cb-469f-a165-70867728950e", {"id": "0f8fad5b-d9cb-469f-a165-70867728950e"}),
        ("n/{id:guid}", "/n/0f8fad5b", None),
        ("a.b/{x}", "/aXb/1", None),
    ],
)
def test_template_matches_whole_paths_and_names_its_parameters(template, path, parameters):
    """A path that matches here and not in Azure, or the other way round, is a fault found after the deployment."""
    assert compile_route(template).match(path) == parameters


@pytest.mark.parametrize(
    ("path", "value"),
    [("/m/a%2Fb", "a/b"), ("/m/MSG%20%231", "MSG #1"), ("/m/a%25b", "a%b"), ("/m/%C3%A9", "é"), ("/m/a+b", "a+b")],
)
def test_parameter_is_decoded_after_the_path_was_split(path, value):
    """MSH-10 may hold a slash; decoded first, it would become two segments."""
    assert compile_route("m/{id}").match(path) == {"id": value}


def test_more_specific_template_ranks_first_whatever_the_order_of_registration():
    """`hub/messages/{id}` must not swallow `hub/messages/search`."""
    templates = ["{*rest}", "hub/{name}", "hub/{name?}", "hub/{id:int}", "hub/summary", "hub/{*rest}"]

    ranked = sorted(templates, key=lambda template: compile_route(template).rank)

    assert ranked == ["hub/summary", "hub/{id:int}", "hub/{name}", "hub/{name?}", "hub/{*rest}", "{*rest}"]


@pytest.mark.parametrize("template", ["a/v{version}", "a/{id:range(1,5)}", "a/{id:date}", "a/{}"])
def test_template_that_cannot_be_matched_faithfully_stops_the_start(template):
    """Better no laptop than one that routes otherwise than Azure."""
    with pytest.raises(ValueError, match="route"):
        compile_route(template)
