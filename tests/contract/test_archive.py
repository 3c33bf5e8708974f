"""The contract of `Archive`."""

from __future__ import annotations

import asyncio
import hashlib
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from shared.message.envelope import ArchiveRef
from shared.message.errors.storage import ArchiveDamaged, ArchivePurged
from shared.message.identifiers import InterfaceId
from tests.contract.conftest import Run
from tests.doubles.samples import LAB

BODIES = [b"MSH|^~\\&|", b"", b"\x00\xff" * 1000, "Müller".encode("latin-1")]


def test_put_gives_a_reference_for_each_body_in_order(run: Run) -> None:
    """The reference is all that the ledger and the envelopes keep of a payload."""

    async def scenario(hub: Any) -> None:
        refs = await hub.archive.put(LAB, BODIES)

        assert [ref.sha256 for ref in refs] == [hashlib.sha256(body).hexdigest() for body in BODIES]
        assert [ref.size for ref in refs] == [len(body) for body in BODIES]
        assert [await hub.archive.get(ref) for ref in refs] == BODIES

    run(scenario)


def test_what_was_put_is_there_after_a_restart(run: Run) -> None:
    """The sender has forgotten the message: this is the only copy."""
    refs: list[ArchiveRef] = []

    async def put(hub: Any) -> None:
        refs.extend(await hub.archive.put(LAB, BODIES))

    async def get(hub: Any) -> None:
        later = await hub.archive.put(LAB, [b"later"])
        assert [await hub.archive.get(ref) for ref in [*refs, *later]] == [*BODIES, b"later"]

    run(put)
    run(get)


def test_concurrent_puts_do_not_mix_their_bodies(run: Run) -> None:
    """They share a write: each must still find its own bytes."""

    async def scenario(hub: Any) -> None:
        bodies = [f"{number} ".encode() * number for number in range(1, 100)]
        interfaces = [InterfaceId(f"interface-{number % 7}") for number in range(1, 100)]

        puts = [hub.archive.put(interface, [body]) for interface, body in zip(interfaces, bodies, strict=True)]
        refs = await asyncio.gather(*puts)

        assert [await hub.archive.get(ref) for (ref,) in refs] == bodies

    run(scenario)


def test_a_body_of_ten_megabytes_is_kept_like_any_other(run: Run) -> None:
    """Documents travel inside OBX-5."""

    async def scenario(hub: Any) -> None:
        body = bytes(range(256)) * 40_000
        (ref,) = await hub.archive.put(LAB, [body])
        assert await hub.archive.get(ref) == body

    run(scenario)


@pytest.mark.parametrize(
    "changes",
    [{"sha256": "0" * 64}, {"size": 8}, {"at": "lab/raw/00000009@20"}, {"at": "../../etc/passwd"}],
    ids=["other digest", "other size", "no such segment", "not a place"],
)
def test_a_reference_that_does_not_fit_its_bytes_is_damage(run: Run, changes: dict[str, Any]) -> None:
    """Bytes that are not those that were received must never be processed as if they were."""

    async def scenario(hub: Any) -> None:
        (ref,) = await hub.archive.put(LAB, [b"as received"])
        with pytest.raises(ArchiveDamaged):
            await hub.archive.get(ref._replace(**changes))

    run(scenario)


def test_keep_gives_every_writer_the_first_output(run: Run) -> None:
    """Rule R4: redelivery and retry read what was stored first and never send something else."""

    async def scenario(hub: Any) -> None:
        (first,) = await hub.archive.keep(LAB, [("out/1", b"first")])
        second, other = await hub.archive.keep(LAB, [("out/1", b"second"), ("out/2", b"other")])

        assert second == first
        assert await hub.archive.get(second) == b"first"
        assert await hub.archive.get(other) == b"other"

    run(scenario)


def test_concurrent_writers_of_one_name_agree(run: Run) -> None:
    """Two workers may hold the same message when a lock was lost."""

    async def scenario(hub: Any) -> None:
        writers = [hub.archive.keep(LAB, [("a", b"%d" % n), (f"b{n}", b"x"), ("c", b"%d" % n)]) for n in range(20)]
        kept = await asyncio.gather(*writers)

        assert len({ref for a, _, c in kept for ref in (a, c)}) == 2
        assert await hub.archive.get(kept[7][0]) == await hub.archive.get(kept[7][2])

    run(scenario)


def test_the_first_body_counts_when_one_call_brings_a_name_twice(run: Run) -> None:
    """One rule for a name, wherever the second writer comes from."""

    async def scenario(hub: Any) -> None:
        first, second = await hub.archive.keep(LAB, [("out/1", b"first"), ("out/1", b"second")])
        assert first == second
        assert await hub.archive.get(first) == b"first"

    run(scenario)


def test_find_tells_free_names_from_kept_ones(run: Run) -> None:
    """A stage looks before it computes."""

    async def scenario(hub: Any) -> None:
        (ref,) = await hub.archive.keep(LAB, [("out/1", b"first")])
        assert await hub.archive.find(["out/2", "out/1"]) == [None, ref]

    run(scenario)


def test_a_name_stays_taken_after_a_restart(run: Run) -> None:
    """Otherwise the retry of tomorrow sends other bytes than the attempt of today."""
    refs: list[ArchiveRef] = []

    async def keep(hub: Any) -> None:
        refs.extend(await hub.archive.keep(LAB, [("out/1", b"first")]))

    async def keep_again(hub: Any) -> None:
        assert await hub.archive.keep(LAB, [("out/1", b"second")]) == refs

    run(keep)
    run(keep_again)


def test_an_interface_id_cannot_leave_the_archive(run: Run) -> None:
    """An id becomes a folder here."""

    async def scenario(hub: Any) -> None:
        with pytest.raises(ValueError, match="folder"):
            await hub.archive.put(InterfaceId("../lab"), [b"x"])

    run(scenario)


def test_what_was_erased_is_told_apart_from_what_is_damaged(run: Run) -> None:
    """One is as it should be, the other is an alarm."""

    async def scenario(hub: Any) -> None:
        [ref] = await hub.archive.put(LAB, [b"old"])
        [kept] = await hub.archive.keep(LAB, [("name", b"output")])
        [other] = await hub.archive.put(InterfaceId("other"), [b"another's"])
        later = datetime.now(UTC) + timedelta(days=1)
        await hub.archive.close_units(LAB)
        assert await hub.archive.units(LAB, datetime.now(UTC) - timedelta(days=1)) == []
        units = await hub.archive.units(LAB, later)
        assert {unit.at for unit in units} == {one.at.partition("@")[0] for one in (ref, kept)}

        assert await hub.archive.erase([unit for unit in units if ref.at.startswith(unit.at)]) == 1
        with pytest.raises(ArchivePurged):
            await hub.archive.get(ref)
        assert [await hub.archive.get(one) for one in (kept, other)] == [b"output", b"another's"]
        [new] = await hub.archive.put(LAB, [b"new"])
        assert await hub.archive.get(new) == b"new"
        with pytest.raises(ArchivePurged):
            await hub.archive.get(ref)

    run(scenario)
