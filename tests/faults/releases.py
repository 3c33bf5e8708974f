"""Every worker that starts is a new release: what it makes of a message differs from what the one before it made.

So whoever computes again what was kept (rule R4) is seen to. The converter remembers what it made, for it is pure and
the same messages go through it thousands of times.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import cache
from typing import Any

from shared.deliver import shaper
from shared.deliver.shape import Shaped
from shared.message.errors.base import IntegrationError
from shared.transform.canonical import Converted, Converter, Job
from tests.faults.deployment import registry
from tests.faults.messages import POISON
from tests.faults.steps import WHOSE

HUB_KEY = "0" * 64  # the same ids in every run

_made: dict[tuple[Any, ...], Converted] = {}


class Converters:
    """What makes canonical records, in this process."""

    async def run(self, jobs: Sequence[Job]) -> list[Converted | IntegrationError]:
        return [_convert_or_refuse(job) for job in jobs]

    async def prepare(self) -> None:
        """Nothing has to be started."""

    async def close(self) -> None:
        """Nothing was started."""


@contextmanager
def differing_outputs() -> Iterator[None]:
    """Let each release shape a delivery in its own way."""
    shape = shaper.shape

    def shape_newly(*arguments: Any) -> Shaped:
        shaped = shape(*arguments)
        return replace(shaped, body=shaped.body + b"ZRL|%d\r" % WHOSE.get().release)

    shaper.shape = shape_newly
    try:
        yield
    finally:
        shaper.shape = shape


def _convert_or_refuse(job: Job) -> Converted | IntegrationError:
    try:
        return _convert(job)
    except IntegrationError as error:  # the port: what the function names is returned
        return error


def _convert(job: Job) -> Converted:
    if POISON in job.body:
        raise RuntimeError("poison")
    key = (job.body, job.interface, job.sequence, *sorted(job.ids.items()))
    if key not in _made:
        _made[key] = _converter()(job)
    made = _made[key]
    return made._replace(record=made.record.replace(b'{"v":', b'{"release":%d,"v":' % WHOSE.get().release, 1))


@cache
def _converter() -> Converter:
    return Converter(registry(), HUB_KEY.encode())
