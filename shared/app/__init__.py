"""The hub, put together once for each process, on first use.

Nothing is built at import: an exception there shows in Azure as "no functions found", and every cold start would pay
for what it may not need.

One name, one place: ``hub().replays`` is a property of that name in `recovery` (what people order and what keeps the
hub honest), ``hub().deliver`` one in `stages` (what messages pass through, and its sweeps), ``hub().registry`` one in
`parts` (what they share), and what answers questions is below. The four are one object on purpose. Nearly everything
here needs something of another file: replays preview with transform and route, quarantine asks ingest, the console
knows the pauses. As objects inside one another they would pass all of that on, each name would begin with the file
it happens to stand in, for every caller too, and nothing would be hidden by it. As a line of classes none overrides
anything of another, each is wiring and nothing else, and mypy sees to it that a file uses only what stands before it:
parts, stages, recovery, then the `Hub` below.
"""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

from shared.app.recovery import Recovery
from shared.settings import Settings, read_settings

if TYPE_CHECKING:
    from shared.adapters import Adapters
    from shared.console.fleet import Connectors
    from shared.console.health import Health
    from shared.console.view import Console
    from shared.fhir_api.read import FhirApi

_hub: Hub | None = None


def hub() -> Hub:
    """Return the hub of this process.

    Raises:
        SettingInvalid: the environment does not describe one.
    """
    global _hub
    if _hub is None:
        settings = read_settings()
        _hub = Hub(settings, _open_adapters(settings))
    return _hub


def use(ready: Hub | None) -> None:
    """Make ``ready`` the hub of this process; None: the next `hub` builds one from the environment."""
    global _hub
    _hub = ready


def _open_adapters(settings: Settings) -> Adapters:
    if settings.adapters == "azure":
        from shared.adapters.azure.open import open_azure

        return open_azure(settings)
    from shared.adapters.local.open import open_local

    return open_local(settings)


class Hub(Recovery):
    """Every use case, built when first asked for: those below, and what answers questions."""

    @cached_property
    def console(self) -> Console:
        """What operators ask."""
        from shared.console.view import Console

        return Console(
            ledger=self.adapters.ledger,
            history=self.adapters.history,
            lanes=self.adapters.lanes,
            queue=self.adapters.queue,
            archive=self.adapters.archive,
            store=self.adapters.fhir_store,
            registry=self.registry,
            explain=self.contexts.explain,
            pauses=self.pauses,
            hub_key=self.adapters.hub_key,
        )

    @cached_property
    def connectors(self) -> Connectors:
        """Who of the connectors was heard, and when."""
        from shared.console.fleet import Connectors

        return Connectors(self.adapters.fleet, self.adapters.clock)

    @cached_property
    def fhir_api(self) -> FhirApi:
        """``/fhir``."""
        from shared.fhir_api.read import FhirApi

        return FhirApi(self.adapters.fhir_store)

    @cached_property
    def health(self) -> Health:
        """``/health``."""
        from shared.console.health import Health

        return Health(
            archive=self.adapters.archive,
            ledger=self.adapters.ledger,
            lanes=self.adapters.lanes,
            identities=self.adapters.identities,
            store=self.adapters.fhir_store,
        )

    async def close(self) -> None:
        """Finish what is under way and close everything that was opened."""
        for name in ("ingest", "deliver", "workers"):
            part: Any = self.__dict__.get(name)
            if part is not None:
                await part.close()
        await self.adapters.close()
