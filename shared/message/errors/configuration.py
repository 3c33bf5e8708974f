"""Errors of what people write down before anything runs: interfaces, settings, stacks, deployments."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from shared.message.errors.base import Disposition, IntegrationError


class FilesInvalid(IntegrationError):
    """Base of what is wrong with files that people write.

    Args:
        problems: Each one prints as ``file:line: text``.
    """

    disposition: ClassVar[Disposition] = Disposition.REFUSE
    stops_message: ClassVar[bool] = False

    def __init__(self, problems: Sequence[object]) -> None:
        self.problems = tuple(problems)
        more = f", and {len(self.problems) - 1} more" if len(self.problems) > 1 else ""
        super().__init__(f"{self.problems[0]}{more}")


class FunctionAppUnusable(IntegrationError):
    """The laptop cannot host the function app as it is."""

    code = "LOCAL-001"
    what = "the laptop cannot host the function app"
    disposition = Disposition.REFUSE
    stops_message = False
    next_step = "change the function, or teach `local/` what it needs"


class PortInUse(IntegrationError):
    """Something listens already where the laptop wants to."""

    code = "LOCAL-002"
    what = "a port is in use"
    disposition = Disposition.REFUSE
    stops_message = False
    next_step = "stop what listens there, or choose other ports; --http-port 0 takes free ones, for the receivers too"


class RegistryInvalid(FilesInvalid):
    """The folder of interfaces cannot be used as it is."""

    code = "REGISTRY-001"
    what = "the interfaces cannot be used"
    next_step = "mend them, then `caduceus interfaces check`"


class SettingInvalid(IntegrationError):
    """A setting is missing or cannot be used."""

    code = "SETTING-001"
    what = "a setting is missing or cannot be used"
    disposition = Disposition.REFUSE
    stops_message = False
    next_step = "set it and start again; docs/settings.md lists every setting"


class StackInvalid(IntegrationError):
    """The configuration of a stack cannot be used; the place names the file, the key and the fault."""

    code = "INFRA-001"
    what = "the configuration of the stack cannot be used"
    disposition = Disposition.REFUSE
    stops_message = False
    next_step = "mend the file; docs/deploy.md lists every key"


class PackageNotBuilt(IntegrationError):
    """The code could not be packaged for the Function App; nothing was sent."""

    code = "INFRA-002"
    what = "the code could not be packaged"
    disposition = Disposition.REFUSE
    stops_message = False
    next_step = "run the named command by hand to see all it says"


class DeploymentFailed(IntegrationError):
    """Azure did not take the code or a call beside it, or the hub did not answer afterwards."""

    code = "INFRA-003"
    what = "the deployment did not end with a hub that answers"
    disposition = Disposition.REFUSE
    stops_message = False
    next_step = "read the runbook; running it again is safe"
