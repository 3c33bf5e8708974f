"""Code to a Function App on Flex Consumption: post the package to its one-deploy endpoint, and see the hub answer."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus
from urllib.error import HTTPError, URLError
from urllib.request import urlopen

from infra.deployment.azure import Azure
from shared.message.errors.configuration import DeploymentFailed

_PUBLISH = "/api/publish?RemoteBuild=false&Deployer=caduceus"
_FAILED, _SUCCEEDED = 3, 4  # status of a deployment (Kudu); lower ones are still under way
_FINAL = frozenset(
    {-1, _FAILED, _SUCCEEDED, 5, 6}
)  # -1 cancelled, 5 in conflict with another, 6 on some instances only
# Roles of a new hub take minutes to reach storage; until then a package is refused or its deployment fails.
_TRY_AGAIN = frozenset({403, 404, 409, 429, 500, 502, 503, 504})


@dataclass(frozen=True, slots=True)
class Patience:
    """How long to wait, in seconds, and how to."""

    tries: int = 8
    between_tries: float = 45
    deployment: float = 900
    health: float = 600
    between_looks: float = 5
    sleep: Callable[[float], None] = time.sleep
    clock: Callable[[], float] = time.monotonic


def send_code(scm: Azure, hub_url: str, package: bytes, patience: Patience | None = None) -> None:
    """Deploy a package; return when the hub answers `/health` with 200.

    Raises:
        DeploymentFailed: Azure did not take it, or the hub does not answer.
    """
    patience = patience or Patience()
    _publish_until_taken(scm, package, patience)
    _wait_for_health(hub_url, patience)


def _publish_until_taken(scm: Azure, package: bytes, patience: Patience) -> None:
    for number in range(1, patience.tries + 1):
        said = _publish(scm, package, patience)
        if said is None:
            return
        if number < patience.tries:
            patience.sleep(patience.between_tries)
    raise DeploymentFailed(f"{said}, {patience.tries} times")


def _publish(scm: Azure, package: bytes, patience: Patience) -> str | None:
    """Try once; return what went wrong and may go right later, None for success."""
    answer = scm.call("POST", _PUBLISH, content=package, headers={"Content-Type": "application/zip"})
    if answer.status_code in _TRY_AGAIN:
        return f"the package was refused with HTTP {answer.status_code}"
    if answer.status_code not in (HTTPStatus.OK, HTTPStatus.ACCEPTED):
        raise DeploymentFailed(f"the package was refused with HTTP {answer.status_code}")
    status = _wait_for_deployment(scm, answer.text().strip().strip('"') or "latest", patience)
    return None if status == _SUCCEEDED else f"the deployment ended with status {status}"


def _wait_for_deployment(scm: Azure, deployment: str, patience: Patience) -> int:
    until = patience.clock() + patience.deployment
    while patience.clock() < until:
        found = scm.ask("GET", f"/api/deployments/{deployment}")
        status = int(found["status"]) if found else 0
        if status in _FINAL:
            return status
        patience.sleep(patience.between_looks)
    raise DeploymentFailed(f"the deployment did not end within {patience.deployment:.0f} s")


def _wait_for_health(hub_url: str, patience: Patience) -> None:
    until = patience.clock() + patience.health
    said = ""
    while patience.clock() < until:
        said = _health(hub_url)
        if said == "HTTP 200":
            return
        patience.sleep(patience.between_looks)
    raise DeploymentFailed(f"/health said {said} for {patience.health:.0f} s")


def _health(hub_url: str) -> str:
    try:
        with urlopen(f"{hub_url.rstrip('/')}/health", timeout=60) as answer:  # noqa: S310  # the address is our own
            return f"HTTP {answer.status}"
    except HTTPError as error:
        return f"HTTP {error.code}"
    except (URLError, OSError) as error:
        return type(error).__name__
