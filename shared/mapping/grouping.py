"""Which segment belongs to which: a tree, by small tables, in one pass. No segment is ever dropped."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from shared.hl7 import Segment
from shared.hl7.segment import place_of_line
from shared.message.finding import Finding


class Node:
    """A segment and those that belong to it, in message order."""

    __slots__ = ("children", "segment")

    def __init__(self, segment: Segment) -> None:
        self.segment = segment
        self.children: list[Node] = []

    def all(self, name: str) -> list[Node]:
        """Return the children of one segment name."""
        return [child for child in self.children if child.segment.name == name]

    def first(self, name: str) -> Node | None:
        """Return the first child of one segment name."""
        for child in self.children:
            if child.segment.name == name:
                return child
        return None


# Segment -> its possible parents. The nearest open one takes it. "ORC!" takes one child of that name only: a second
# OBR begins an order of its own. MSH is the root and takes anything.
Parents = Mapping[str, tuple[str, ...]]

_VISIT = ("PV1", "PID")
_CARE = ("PRB", "GOL", "PTH")
_PEOPLE = (*_CARE, "PR1", "IN1", "GT1", "NK1", "PV1", "PID")
_DRUGS = ("RXA", "RXE", "RXO", "RXD", "RXG")
_REMARKABLE = (
    *("ODS", "ODT"),
    *("OBX", "SPM", "OBR", "RXA", "RXE", "RXO", "RXD", "RXG", "RXC", "TQ1", "ORC", "AL1", "IAM", "DG1", "PR1"),
    *(
        "AIS",
        "AIG",
        "AIL",
        "AIP",
        "RGS",
        "SCH",
        "NK1",
        "IN1",
        "GT1",
        "PV1",
        "PRB",
        "GOL",
        "FT1",
        "TXA",
        "PTH",
        "ARQ",
        "PID",
    ),
)

PARENTS: Parents = {
    "PD1": ("PID",),
    "NK1": ("PID",),
    "MRG": ("PID",),
    "PV1": ("PID",),
    "PV2": ("PV1", "PID"),
    "AL1": ("PID",),
    "IAM": ("PID",),
    "DG1": ("OBR", "ORC", "PID"),
    "DRG": ("PID",),
    "PR1": ("FT1", "PID"),
    "ROL": _PEOPLE,
    "PRT": ("OBX", "SPM", "OBR", *_DRUGS, "ORC", *_PEOPLE),
    "GT1": ("PID",),
    "IN1": ("PID",),
    "IN2": ("IN1",),
    "IN3": ("IN1",),
    "ACC": ("PID",),
    "CON": ("TXA", "PID"),
    "IAR": ("IAM",),
    "INV": ("OBX", "OBR", "SPM", "PID"),
    "SID": ("OBX", "OBR", "PID"),
    "UB1": ("PID",),
    "UB2": ("PID",),
    **dict.fromkeys(("ABS", "BLC", "RMI", "GP1"), ("PID",)),
    "GP2": ("PR1", "PID"),
    "PDA": ("PID",),
    "DB1": ("PID",),
    "ARV": _VISIT,
    "ORC": ("PID",),
    "OBR": ("ORC!", "PID"),
    "RXO": ("ORC!", "PID"),
    "RXA": ("ORC", "PID"),
    "RXE": ("ORC!", "PID"),
    "RXD": ("ORC", "PID"),
    "RXG": ("ORC", "PID"),
    "RXR": (*_DRUGS, "ORC"),
    "RXC": ("RXE", "RXO", "RXD", "RXG", "ORC"),
    "TQ1": ("OBR", "RXE", "RXO", "RXG", "ORC", "SCH"),
    "TQ2": ("TQ1", "ORC"),
    **dict.fromkeys(("STF", "LOC"), ("MFE",)),
    **dict.fromkeys(("PRA", "ORG", "AFF", "LAN", "EDU", "CER"), ("STF",)),
    **dict.fromkeys(("LRL", "LDP"), ("LOC",)),
    "LCH": ("LDP", "LOC"),
    "LCC": ("LDP",),
    "PRD": ("RF1",),
    "CTD": ("PRD", "RF1", "OBR", "ORC", "PR1", "PID"),
    "RF1": ("IN1", "PID"),
    "AUT": ("RF1", "IN1", "PR1"),
    "CDO": ("RXE", "RXO", "RXD", "RXG", "ORC"),
    "CTI": ("OBR", "ORC"),
    "FT1": ("OBR", "PID"),
    "BLG": ("ORC",),
    "OBX": ("SPM", "OBR", "RXA", "RXE", "RXO", "RXD", "RXG", "ORC", "PRB", "GOL", "TXA", "PID"),
    **dict.fromkeys(_CARE, ("PID",)),
    "VAR": ("OBX", "OBR", *_CARE),
    "SPM": ("OBR", "ORC", "PID"),
    "SAC": ("SPM", "OBR", "PID"),
    "IPC": ("OBR", "ORC", "PID"),
    "RQD": ("ORC!", "PID"),
    "RQ1": ("RQD",),
    **dict.fromkeys(("ODS", "ODT"), ("ORC", "PID")),
    "NTE": _REMARKABLE,
    "TXA": ("PID",),
    **dict.fromkeys(("AIS", "AIG", "AIL", "AIP"), ("RGS",)),
    "APR": ("AIS", "AIG", "AIL", "AIP", "ARQ"),
}

# These start at the root of every message.
ROOT = frozenset(
    {"PID", "SCH", "RGS", "EVN", "SFT", "UAC", "MSA", "ERR", "QAK", "QPD", "QRD", "QRF", "RCP", "DSC", "NTE"}
    | {"RF1", "PRD", "MFI", "MFE", "ARQ"}
)

# These tell of a person or a visit: some senders put them before the PID. An order or a result never goes to a PID that
# comes after it: its own may have been lost.
_OF_A_PERSON = frozenset({"PD1", "ARV", "NK1", "PV1", "PV2", "DB1", "AL1", "GT1", "IN1", "ACC"})


# Messages that nest orders another way (HL7 chapters 4.4 and 7.3): the specimen first, then its containers, each with
# its orders; or the ORC after its OBR.
_OF_SPECIMEN: Parents = {"SPM": ("PID",), "SAC": ("SPM", "PID")}
_ORDERS_OF_SPECIMEN: Parents = {**PARENTS, **_OF_SPECIMEN, "ORC": ("SPM", "PID"), "OBR": ("ORC!", "SPM", "PID")}
_ORC_LAST: Parents = {
    **{name: tuple(one for one in parents if one.rstrip("!") != "ORC") for name, parents in PARENTS.items()},
    "ORC": ("OBR!", "PID"),
}
_RESULTS_OF_SPECIMEN: Parents = {**_ORC_LAST, **_OF_SPECIMEN, "OBR": ("SPM", "PID")}
_BY_MESSAGE: Mapping[tuple[str, str], Parents] = {
    **dict.fromkeys((("OML", "O33"), ("OML", "O35")), _ORDERS_OF_SPECIMEN),
    **dict.fromkeys((("OUL", "R22"), ("OUL", "R23")), _RESULTS_OF_SPECIMEN),
    ("OUL", "R24"): _ORC_LAST,
}


class _Nesting(NamedTuple):
    """What a table of parents says.

    Attributes:
        wanted: Segment -> possible parent -> whether that takes one only.
        alike: Segments of which the second belongs where the first does, if it follows directly.
    """

    wanted: Mapping[str, Mapping[str, bool]]
    alike: frozenset[str]


def _compiled(parents: Parents) -> _Nesting:
    wanted = {name: {one.rstrip("!"): one.endswith("!") for one in among} for name, among in parents.items()}
    alike = (name for name, among in wanted.items() if name not in among and not any(among.values()))
    return _Nesting(wanted, frozenset(alike))


_USUAL = _compiled(PARENTS)
_WANTED = {message: _compiled(parents) for message, parents in _BY_MESSAGE.items()}
_NESTED_ANOTHER_WAY = frozenset(code for code, _ in _BY_MESSAGE)
_KNOWN = PARENTS.keys() | ROOT


def group(segments: Iterable[Segment]) -> tuple[Node, list[Finding]]:
    """Return the tree of a message, rooted at its MSH, and findings on segments out of place.

    A segment whose parent is missing starts at the root; what tells of a person goes to the only PID, if that comes
    later. An unknown segment hangs on its predecessor and closes nothing.
    """
    iterator = iter(segments)
    root = Node(next(iterator))
    code = root.segment.text(9)
    nesting = _WANTED.get((code, root.segment.text(9, 2)), _USUAL) if code in _NESTED_ANOTHER_WAY else _USUAL
    wanted, alike = nesting
    open_nodes = [root]
    before = ""
    findings: list[Finding] = []
    orphans: list[Node] = []
    for segment in iterator:
        node = Node(segment)
        name = segment.name
        if name == before and name in alike and len(open_nodes) > 2:  # with a parent: the tenth result of a report
            open_nodes[-2].children.append(node)
            open_nodes[-1] = node
            continue
        if name not in _KNOWN:
            findings.append(_unknown(segment))
            open_nodes[-1].children.append(node)
            continue
        before = name
        depth = _parent_depth(open_nodes, name, wanted[name]) if name in wanted else 0
        if depth == 0 and name not in ROOT:
            orphans.append(node)
        open_nodes[depth].children.append(node)
        open_nodes[depth + 1 :] = (node,)
    if orphans:
        findings += _adopted(orphans, root)
    return root, findings


def _adopted(orphans: list[Node], root: Node) -> list[Finding]:
    """Give what tells of a person to the only PID, if that comes later; return what to say of each orphan."""
    persons = root.all("PID")
    person = persons[0] if len(persons) == 1 else None
    findings: list[Finding] = []
    early: dict[Node, None] = {}
    for node in orphans:
        segment, place = node.segment, place_of(node.segment)
        if person is not None and segment.name in _OF_A_PERSON and segment.index < person.segment.index:
            early[node] = None
            findings.append(Finding("segment_before_parent", place, "PID"))
        else:
            findings.append(Finding("segment_without_parent", place, f"one of {', '.join(PARENTS[segment.name])}"))
    if person is not None and early:
        root.children = [node for node in root.children if node not in early]
        person.children[:0] = early
    return findings


def place_of(segment: Segment) -> str:
    """Return where a segment is, as findings and reports say it."""
    return place_of_line(segment.name, segment.index, segment.number)


def _parent_depth(open_nodes: list[Node], name: str, wanted: Mapping[str, bool]) -> int:
    """Return the depth of the nearest open parent; 0, the root, where there is none."""
    depth = len(open_nodes)
    while depth > 1:
        depth -= 1
        node = open_nodes[depth]
        takes_one = wanted.get(node.segment.name)
        if takes_one is False or (takes_one and node.first(name) is None):
            return depth
    return 0


def _unknown(segment: Segment) -> Finding:
    code = "segment_local" if segment.name.startswith("Z") else "segment_unknown"
    return Finding(code, place_of(segment), "nothing maps it")
