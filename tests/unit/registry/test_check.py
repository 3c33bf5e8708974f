"""Every fault of the folder of interfaces is found, with its file and line."""

from __future__ import annotations

import errno
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Annotated, Any, get_args

import pytest
from pydantic import BaseModel, TypeAdapter, ValidationError

from connector.config import Config
from shared.registry import check_registry
from shared.registry.destination import DestinationConfig
from shared.registry.interface import Interface
from tests.connector.certificate_authority import Authority

from .conftest import INTERFACE, SAMPLE, Files


def told(root: Path) -> list[tuple[str, int, str]]:
    return [(problem.file.relative_to(root).as_posix(), problem.line, problem.text) for problem in check_registry(root)]


def test_a_folder_without_fault_has_no_problem(files):
    """The check is only worth running if it can pass."""
    assert told(files.root) == []


@pytest.mark.parametrize(
    ("old", "new", "line", "words"),
    [
        ('owner = "Team"', 'owner = "Team"\nacepts = ["P"]', 3, "unknown key `acepts`; did you mean `accepts`?"),
        ('owner = "Team"\n', "", 1, "`owner` is missing"),
        ('owner = "Team"', 'owner = "Team', 2, "not TOML"),
        ('owner = "Team"', 'owner = "Team"\nzone = "Mars/Olympus"', 3, "`zone` is not a time zone"),
        ('owner = "Team"', 'owner = "Team"\ncharset = "KLINGON"', 3, "`charset` is not a character set"),
        ('owner = "Team"', 'owner = "Team"\nid = "ward"', 3, "`id` is not written in the file"),
        ('"ADT^*"', '"ADT*"', 6, "`match[1].types[1]` has the wrong form: write `ADT^A01` or `ADT^*`"),
        ('"ADT^*"', '"ADT_A01"', 6, "`match[1].types[1]` has the wrong form: write `ADT^A01` or `ADT^*`"),
        ('["ADT^*"]', '"ADT^*"', 6, "`match[1].types` is a list: write it in [ ]"),
        ('to = "books"', 'to = "bookz"', 10, "there is no destination `bookz`"),
        ('"steps:account"', '"steps:acount"', 11, "steps.py has no function `acount`"),
        ('"steps:account"', '"telepathy"', 11, "`routes[1].shape` has the wrong form: write `fhir`, `hl7`"),
        ('version = "2.3"', 'version = "2.51"', 16, "`routes[2].version` is not a version of HL7"),
        ('version = "2.3"', 'version = "2.9.9"', 16, "`routes[2].version` is not a version of HL7"),
        (
            'version = "2.3"',
            'version = "2.3"\ndrop = ["ZPI-1"]',
            17,
            "`routes[2].drop[1]` has the wrong form: write `PV1`",
        ),
        ('to = "lab"', 'to = "lab"\nwhere = { "PID-x" = ["1"] }', 15, "is not an HL7 path"),
        ('version = "2.3"', 'version = "2.3"\ndrop = ["MSH"]', 13, "MSH cannot be dropped"),
        ('shape = "steps:account"', 'shape = "event"\ndrop = ["PV1"]', 9, '`drop` needs shape = "hl7"'),
        ('to = "lab"', 'to = "books"', 14, "`books` gets a message once: routes 1 and 2 share a type"),
        ('owner = "Team"', 'owner = "Team"\nduplicate.key = ["MSH-10", "PID-"]', 3, "is not an HL7 path"),
        ('owner = "Team"', 'owner = "Team"\nduplicate.key = []', 3, "`duplicate.key`"),
        ('owner = "Team"', 'owner = "Team"\nduplicate.key = ["MSH-10", "ORC-2"]', 3, "no sample has anything at ORC-2"),
        ('owner = "Team"', 'owner = "Team"\npaused = "true"', 3, "`paused` is true or false, written without quotes"),
        ('owner = "Team"', 'owner = "Team"\nretention_days = "30"', 3, "`retention_days` is a whole number, written"),
        ('owner = "Team"', 'owner = "Team"\nduplicate.window_hours = "24"', 3, "`duplicate.window_hours` is a number"),
        ('owner = "Team"', "owner = 7", 2, "`owner` is text, written in quotes"),
        ('sending_application = "WARD"', "", 5, 'for stages = ["laptop", "dev"] only'),
    ],
)
def test_a_fault_of_an_interface_is_found_where_it_is_written(files, old, new, line, words):
    """Each of these would stop or misroute messages; the analyst sees the line before the hub sees the message."""
    file = files.root / "ward" / "interface.toml"
    file.write_text(INTERFACE.replace(old, new), "utf-8")
    found = told(files.root)
    assert [(name, at) for name, at, _ in found] == [("ward/interface.toml", line)]
    assert words in found[0][2]


CUSTOM = """
[[mapping.custom]]
field = "ZPI-3"
target = "Patient.extension"
url = "https://ward.example/fhir/diet"
type = "CodeableConcept"
"""


@pytest.mark.parametrize(
    ("old", "new", "line", "words"),
    [
        ('"ZPI-3"', '"ZPI3"', 19, "`mapping.custom[1].field` has the wrong form: write `ZPI-3` or"),
        ('"Patient.extension"', '"Patient.name"', 20, "`mapping.custom[1].target` has the wrong form: write"),
        ('"Patient.extension"', '"Bundle.extension"', 18, "`target` may be of Account"),
        ('"https://ward.example/fhir/diet"', '"diet"', 21, "is not an absolute URI"),
        ('url = "https://ward.example/fhir/diet"', "", 18, "an extension needs a `url`"),
        ('"CodeableConcept"', '"Concept"', 22, "`mapping.custom[1].type`"),
        ('type = "CodeableConcept"', 'system = "urn:oid:1.2"', 18, "`system` is for an identifier"),
    ],
)
def test_a_fault_of_a_custom_field_is_found_where_it_is_written(files, old, new, line, words):
    """A local field that goes nowhere is lost in silence; the analyst sees the line before the first message."""
    file = files.root / "ward" / "interface.toml"
    file.write_text(INTERFACE + CUSTOM, "utf-8")
    assert told(files.root) == []
    file.write_text(INTERFACE + CUSTOM.replace(old, new), "utf-8")
    ((_, at, text),) = told(files.root)
    assert (at, words in text) == (line, True), text


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ('kind = "mllp"', 1, "`title` is missing"),
        ('title = "Lab"\nkind = "fax"', 2, "`kind`: input should be"),
        (
            'title = "Lab"\nkind = "mllp"\nconnections = 2',
            1,
            'order = "feed" needs concurrency = 1 and connections = 1',
        ),
        (
            'title = "Lab"\nkind = "mllp"\norder = "key"\non_reject = "hold_feed"',
            1,
            'on_reject = "hold_feed" needs order = "feed"',
        ),
        (
            'title = "Lab"\nkind = "https"\n[address]\nprod = "https://me:pw@x.example/"',
            4,
            "the address holds a password",
        ),
        (
            'title = "Lab"\nkind = "https"\n[address]\nprod = "http://x.example/"',
            4,
            "plain `http://` is for this machine",
        ),
        ('title = "Lab"\nkind = "mllp"\n[address]\nprod = "lab:2575"', 4, "an MLLP address is `mllp://host:port`"),
        ('title = "Lab"\nkind = "mllp"\n[address]\nproduction = "mllp://lab:2575"', 4, "`address.production`"),
        ('title = "Lab"\nkind = "https"\nconnections = "4"', 3, "`connections` is a whole number, written without"),
        ('title = "Lab"\nkind = "https"\nconcurrency = true', 3, "`concurrency` is a whole number"),
        ('title = "Lab"\nkind = "https"\nrate_per_second = "2"', 3, "`rate_per_second` is a number, written without"),
        ('title = "Lab"\nkind = "https"\nidempotent = "no"', 3, "`idempotent` is true or false, written without"),
        ('title = "Lab"\nkind = "mllp"\n[retry]\ncap_seconds = "9"', 4, "`retry.cap_seconds` is a number"),
        ('title = "Lab"\nkind = "mllp"\n[address]\nprod = "mllp://lab:99999"', 4, "a port is 1 to 65535"),
        ('title = "Lab"\nkind = "mllp"\npassword = "pw"', 3, "unknown key `password`"),
        (
            'title = "Lab"\nkind = "mllp"\n[address]\nprod = "mllp://lab:2575"\norder = "key"',
            5,
            "`order` is no stage of life: write it before [address], to which all belongs that stands after it",
        ),
        ('title = "Lab"\nkind = "mllp"\n[retry]\ncap_seconds = 0', 4, "`retry.cap_seconds`"),
        (
            'title = "Lab"\nkind = "mllp"\nauthority = "lab-ca.pem"',
            3,
            "`authority` is not a certificate in PEM: the text",
        ),
    ],
)
def test_a_fault_of_a_destination_is_found_where_it_is_written(files, text, line, words):
    """A contradiction in order or a secret in a file must not wait for production to be seen."""
    files.destination("lab", text)
    found = told(files.root)
    assert [(name, at) for name, at, _ in found] == [("destinations/lab.toml", line)]
    assert words in found[0][2]


def test_an_authority_is_for_a_system_that_shows_a_certificate(files, tmp_path_factory):
    """Whoever names one for a folder believes that something is checked there."""
    pem = Authority(tmp_path_factory.mktemp("authority")).certificate.read_text("ascii")
    text = f'title = "Lab"\nkind = "{{}}"\nauthority = """\n{pem}"""\n'
    files.destination("lab", text.format("mllp"))
    assert told(files.root) == []
    files.destination("lab", text.format("file"))
    ((_, _, words),) = told(files.root)
    assert "kind `file` shows no certificate" in words


def test_a_private_key_has_no_place_in_an_authority(files, tmp_path_factory):
    """The file is reviewed and kept like code: a key that was pasted along with its certificate is everybody's."""
    pem = Authority(tmp_path_factory.mktemp("authority")).certificate.read_text("ascii")
    key = "-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBgkqhkiG9w0BAQEFAASC\n-----END PRIVATE KEY-----\n"
    files.destination("lab", f'title = "Lab"\nkind = "mllp"\nauthority = """\n{pem}{key}"""\n')
    ((_, at, words),) = told(files.root)
    assert at == 3
    assert "`authority` is not for a private key" in words
    assert "MIIEvQ" not in words


@pytest.mark.parametrize(
    ("addresses", "is_fault"),
    [
        ('prod = "mllp://lab.example:2575"', True),
        ('laptop = "mllp://127.0.0.1:2576"\nprod = "mllp://lab.example:2575"', True),
        ('test = "mllp://lab-test.example:2575"\nprod = "mllps://lab.example:2575"', False),
        ('test = "mllp://lab-test.example:2575"\nprod = "secret:lab"', False),
        ('laptop = "mllp://127.0.0.1:2576"', False),
    ],
)
def test_an_authority_beside_plain_addresses_alone_is_a_fault(files, tmp_path_factory, addresses, is_fault):
    """One letter, `mllp` for `mllps`, and patients travel in the clear under the eyes of an authority."""
    pem = Authority(tmp_path_factory.mktemp("authority")).certificate.read_text("ascii")
    files.destination("lab", f'title = "Lab"\nkind = "mllp"\nauthority = """\n{pem}"""\n[address]\n{addresses}\n')
    found = told(files.root)
    assert [at for _, at, _ in found] == ([3] if is_fault else [])
    assert not is_fault or "nothing is encrypted" in found[0][2]


FHIR_INTERFACE = """title = "App"
owner = "Team"
contact = "team@example.org"
[fhir]
release = "R5"
[[routes]]
to = "store"
"""


def fhir_folder(root: Path, text: str = FHIR_INTERFACE, sample: str | None = '{"resourceType": "Patient"}') -> None:
    """Add the interface ``app``, which takes FHIR, to a folder without fault."""
    (root / "app" / "samples").mkdir(parents=True)
    (root / "app" / "interface.toml").write_text(text, "utf-8")
    (root / "destinations" / "store.toml").write_text('title = "Store"\nkind = "fhir_store"\n', "utf-8")
    if sample is not None:
        (root / "app" / "samples" / "01-person.fhir.json").write_text(sample, "utf-8")


def test_an_interface_that_takes_fhir_needs_no_match(files):
    """Its sender is who may post to its address, not what a header says."""
    fhir_folder(files.root)
    assert told(files.root) == []


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ('[fhir]\nrelease = "R5"\n', "", "needs a [[match]] table, or [fhir]"),
        ("[fhir]", '[[match]]\ntypes = ["ADT^*"]\n[fhir]', "[fhir] and [[match]] cannot stand together"),
        ('to = "store"', 'to = "store"\nshape = "hl7"', "FHIR has no HL7 fields"),
        ('to = "store"', 'to = "store"\nshape = "steps:account"', "FHIR has no HL7 fields"),
        ('to = "store"', 'to = "store"\nwhere = { "PID-3" = ["1"] }', "FHIR has no HL7 fields"),
        ("[fhir]", 'charset = "8859/1"\n[fhir]', "are about HL7"),
        ('"R5"', '"DSTU2"', "fhir.release"),
        ('"R5"', '"R5"\nbase = "app"', "is not an absolute URI"),
    ],
)
def test_what_is_about_hl7_has_no_place_where_fhir_comes_in(files, old, new, words):
    """A key that counts for nothing would be believed to count."""
    fhir_folder(files.root, FHIR_INTERFACE.replace(old, new))
    found = [text for name, _, text in told(files.root) if name == "app/interface.toml"]
    assert len(found) == 1
    assert words in found[0]


@pytest.mark.parametrize(
    ("sample", "words"), [(None, "at least one sample"), ("{", "FHIR-001"), ('{"resourceType": "Person7"}', "FHIR-004")]
)
def test_an_interface_that_takes_fhir_needs_a_sample_that_can_be_read(files, sample, words):
    """A partner's example is the first test of what was agreed."""
    fhir_folder(files.root, sample=sample)
    [(_, _, text)] = told(files.root)
    assert words in text


def test_two_interfaces_that_match_equally_are_a_problem_of_the_second(files):
    """Otherwise the order of folders would decide where a patient's message goes."""
    files.interface("ward_two", INTERFACE.replace('["ADT^*"]', '["ORU^*", "ADT^*"]'))
    assert told(files.root) == [
        (
            "ward_two/interface.toml",
            5,
            "as specific as `ward`, and a message could fit both: name more of MSH-3 to MSH-6",
        )
    ]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('["ADT^*"]', '["ADT^A01"]'),
        ('sending_application = "WARD"', 'sending_application = "WARD"\nsending_facility = "HERE"'),
        ('title = "Ward"', 'title = "Ward"\nlifecycle = "retired"'),
    ],
)
def test_a_more_specific_or_retired_interface_is_no_rival(files, old, new):
    """An exception for one event or one site is made by being more specific."""
    files.interface("ward_two", INTERFACE.replace(old, new))
    assert told(files.root) == []


def test_interfaces_that_never_live_in_the_same_stage_are_no_rivals(files):
    """A trial of a new interface may run in test while the old one runs in production."""
    (files.root / "ward" / "interface.toml").write_text('stages = ["prod"]\n' + INTERFACE, "utf-8")
    files.interface("ward_two", 'stages = ["test"]\n' + INTERFACE)
    assert told(files.root) == []


def test_routes_to_one_destination_may_share_it_when_they_share_no_type(files):
    """A destination may get admissions in one shape and discharges in another."""
    text = INTERFACE.replace('to = "lab"\n', 'to = "books"\ntypes = ["ADT^A03"]\n')
    (files.root / "ward" / "interface.toml").write_text(
        text.replace('to = "books"\nshape = "steps', 'to = "books"\ntypes = ["ADT^A01"]\nshape = "steps'), "utf-8"
    )
    assert told(files.root) == []


def test_an_interface_needs_a_sample_that_is_its_own(files):
    """A sample is the contract: without one nothing shows what the interface takes."""
    sample = files.root / "ward" / "samples" / "01-first.hl7"
    sample.write_bytes(SAMPLE.replace(b"WARD", b"OTHER"))
    assert told(files.root) == [("ward/samples/01-first.hl7", 1, "the sample does not match its own interface")]
    sample.write_bytes(b"hello")
    assert "HL7-101" in told(files.root)[0][2]
    sample.unlink()
    assert told(files.root) == [("ward/samples", 1, "an interface needs at least one sample, NN-what.hl7")]


def test_a_steps_file_that_cannot_be_imported_is_shown_with_its_line(files):
    """The fault is in steps.py, not in the route that names it."""
    (files.root / "ward" / "steps.py").write_text("x = 1\n\ndef account(:\n", "utf-8")
    [(file, line, text)] = told(files.root)
    assert (file, line) == ("ward/steps.py", 3)
    assert text.startswith("SyntaxError")


def test_a_steps_file_that_fails_while_it_is_loaded_is_shown_with_its_line(files):
    """An import of something that is not installed is the common case."""
    (files.root / "ward" / "steps.py").write_text("import os\nimport no_such_module_here\n", "utf-8")
    [(file, line, text)] = told(files.root)
    assert (file, line) == ("ward/steps.py", 2)
    assert "no_such_module_here" in text


@pytest.mark.parametrize(
    ("csv", "line", "words"),
    [
        ("from,to\n", 1, "the first line must be"),
        ("source_system,source_code,target_system,target_code,display\nL,K,http://loinc.org\n", 2, "3 columns"),
        ("source_system,source_code,target_system,target_code,display\nL,,http://loinc.org,1,x\n", 2, "must be filled"),
        ("source_system,source_code,target_system,target_code,display\nL,K,s,1,\nL,K,s,2,\n", 3, "mapped twice"),
        ('source_system,source_code,target_system,target_code,display\nL,"K,s,1,\n', 2, "not CSV"),
    ],
)
def test_a_fault_of_a_concept_map_is_found_where_it_is_written(files, csv, line, words):
    """A code that is mapped twice would mean whatever came last."""
    folder = files.root / "ward" / "concept_maps"
    folder.mkdir()
    (folder / "codes.csv").write_text(csv, "utf-8")
    [(file, at, text)] = told(files.root)
    assert (file, at) == ("ward/concept_maps/codes.csv", line)
    assert words in text


def test_a_missing_folder_is_one_problem(tmp_path):
    """A wrong path in a setting is one sentence."""
    [problem] = check_registry(tmp_path / "nowhere")
    assert problem.text == "there is no such folder of interfaces"


def test_one_faulty_file_does_not_hide_the_faults_of_another(files: Files):
    """All faults at once: an analyst mends them in one go."""
    files.destination("lab", 'title = "Lab"')
    (files.root / "ward" / "interface.toml").write_text(INTERFACE.replace("books", "bookz"), "utf-8")
    assert [name for name, _, _ in told(files.root)] == ["destinations/lab.toml", "ward/interface.toml"]


@pytest.mark.parametrize(
    "name", ["ward/interface.toml", "destinations/books.toml", "ward/samples/01-a.hl7", "ward/concept_maps/a.csv"]
)
def test_a_file_that_cannot_be_read_is_a_fault_like_others(files, monkeypatch, name):
    """Files that were copied by somebody else: their rights are the fault, and a traceback hides the rest."""
    (files.root / name).parent.mkdir(exist_ok=True)
    (files.root / name).touch()
    for way in ("open", "read_bytes", "read_text"):
        monkeypatch.setattr(Path, way, _refusing(files.root / name, getattr(Path, way)))
    assert (name, 1, "cannot be read: Permission denied") in told(files.root)


def test_the_folder_of_one_interface_is_told_from_the_folder_of_all(files):
    """Whoever works on one names its folder, and was told that its samples lack an interface.toml."""
    (problem,) = check_registry(files.root / "ward")
    assert problem.text == "this is one interface; name the folder in which it lies with the others"


def _refusing(file: Path, read: Callable[..., Any]) -> Callable[..., Any]:
    def refusing(path: Path, *how: Any, **more: Any) -> Any:
        if path == file:
            raise PermissionError(errno.EACCES, "Permission denied")
        return read(path, *how, **more)

    return refusing


@pytest.mark.parametrize("root", [Interface, DestinationConfig, Config], ids=lambda root: root.__module__)
def test_nothing_in_quotes_is_taken_for_a_number_or_a_switch(root):
    """What somebody quoted by mistake hides the next mistake."""
    for model in models_of(root):
        for name, field in model.model_fields.items():
            for text in ("1", "true"):
                with suppress(ValidationError):
                    got = TypeAdapter(Annotated[(field.annotation, None, *field.metadata)]).validate_python(text)
                    assert not isinstance(got, int | float), f"{model.__name__}.{name}"


def models_of(root: type[BaseModel]) -> Iterator[type[BaseModel]]:
    """Yield a model, and those of the tables in it."""
    yield root
    for field in root.model_fields.values():
        for model in models_in(field.annotation):
            yield from models_of(model)


def models_in(annotation: Any) -> Iterator[type[BaseModel]]:
    """Yield the models that a type names."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for inner in get_args(annotation):
        yield from models_in(inner)
