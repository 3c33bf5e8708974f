"""The gateway in every tier, with and without partners who show certificates. ``python -m tests.infra.gateways PEM``"""

from __future__ import annotations

import gc
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, NoReturn

import pulumi
import yaml
from pulumi_azure_native import applicationinsights

from infra.components.api_gateway import ApiGateway
from infra.config import of_project, read_stack
from infra.gateway.tiers import TIERS
from infra.names import Names
from infra.place import Place
from tests.infra.graph import REPOSITORY
from tests.infra.recorder import Recorder, print_and_leave, spare_aliases

_SENDER = {"hospital_lab": ["0" * 40]}


def settings(pems: Sequence[str]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the gateway of each tier, as a stack's file has it: ``plain``, ``closed``, then one that ``asks``."""
    for tier, can in TIERS.items():
        yield "plain", {"tier": tier}
        yield "closed", {"tier": tier}
        told = {"partnerAuthorities": list(pems)} if can.has_authorities else {}
        yield "asks", {"tier": tier, "partnerCertificates": _SENDER, **told}


def main(files: Sequence[str]) -> NoReturn:
    """Print what each gateway declares, by tier, then as `settings` says."""
    gc.disable()  # see the recorder
    spare_aliases()
    given = of_project(yaml.safe_load((REPOSITORY / "Pulumi.dev.yaml").read_text("utf-8"))["config"])
    recorder, order = Recorder(), list(settings([Path(file).read_text("utf-8") for file in files]))
    pulumi.runtime.set_mocks(recorder, project="caduceus", stack="dev", preview=False)

    @pulumi.runtime.test
    def program() -> None:
        insights = applicationinsights.Component("i", resource_group_name="rg", kind="web", application_type="web")
        for number, (how, gateway) in enumerate(order):
            stack = read_stack("dev", {**given, "prefix": f"try{number}", "gateway": {**given["gateway"], **gateway}})
            place = Place(stack, Names(stack.prefix, "dev"), pulumi.Output.from_input("rg"), {})
            ApiGateway(place, hub_url="https://hub", insights=insights, subnet=None, is_closed=how == "closed")

    program()
    declared = {one.inputs["serviceName"]: one for one in recorder.declared if one.kind.endswith("ManagementService")}
    found: dict[str, dict[str, object]] = {tier: {} for tier in TIERS}
    for number, (how, gateway) in enumerate(order):
        found[gateway["tier"]][how] = asdict(declared[f"apim-try{number}-dev"])
    print_and_leave(found)


if __name__ == "__main__":
    main(sys.argv[1:])
