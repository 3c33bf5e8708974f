"""Logs carry codes and ids, never content."""

from __future__ import annotations

import logging

import pytest

from shared.message.errors.pipeline import NotFound
from shared.observe.log import log, log_failure

CANARY = "ZZYZX-CANARY"


def test_a_field_that_is_not_on_the_list_cannot_be_logged():
    """Free text is how patient data gets into a log: there is no field for it."""
    with pytest.raises(ValueError, match="not a field"):
        log("something", patient=CANARY)


def test_the_text_of_a_failure_is_never_logged(caplog):
    """A library's exception may quote what it was given."""
    with caplog.at_level(logging.DEBUG):
        try:
            raise ValueError(CANARY)
        except ValueError as error:
            log_failure("conversion_failed", error, message="1-0")
    assert CANARY not in caplog.text
    assert "ValueError at" in caplog.text


def test_a_named_failure_is_logged_with_its_code(caplog):
    """The code leads to the runbook."""
    with caplog.at_level(logging.DEBUG):
        log_failure("request_failed", NotFound(CANARY))
    assert NotFound.code in caplog.text
    assert CANARY not in caplog.text
