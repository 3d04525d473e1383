"""Requests made of the OpenAPI document, valid and invalid ones, and answers held against it."""

import json
import os
from pathlib import Path

import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

CONTEXT = json.loads(Path(os.environ["HEADGATE_CLIENTS_CONTEXT"]).read_text())
FULL = "E2E_FULL" in os.environ
EXAMPLES = 200 if FULL else 20
SECONDS = 15
# Refusals that our own load explains. Every other 5xx is a mistake of ours.
OUR_LOAD = {503, 504}

schema = schemathesis.openapi.from_url(CONTEXT["openapi"])
schema.config.update(base_url=CONTEXT["https"])


def check(case, key: str):
    response = case.call(headers={"X-API-Key": key}, verify=CONTEXT["caFile"], timeout=SECONDS)
    checks = [
        status_code_conformance,
        content_type_conformance,
        response_headers_conformance,
        response_schema_conformance,
    ]
    if response.status_code not in OUR_LOAD:
        checks.append(not_a_server_error)
    case.validate_response(response, checks=checks)
    assert list(response.headers["x-content-type-options"]) == ["nosniff"]
    return response


@schema.parametrize()
@settings(max_examples=EXAMPLES, deadline=None, derandomize=not FULL, suppress_health_check=list(HealthCheck))
def test_answers_as_the_document_says(case):
    check(case, CONTEXT["keys"]["admin"])


@schema.parametrize()
@settings(max_examples=3, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
def test_answers_nobody_without_a_key(case):
    response = case.call(headers={"X-API-Key": ""}, verify=CONTEXT["caFile"], timeout=SECONDS)
    assert response.status_code in {400, 401, 403, 405, 429}, response.status_code


def test_knows_every_operation():
    operations = [operation for operation in schema.get_all_operations()]
    assert len(operations) >= 10
