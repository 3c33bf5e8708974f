"""What the pages say is what the code has."""

from __future__ import annotations

import ast
import re
import subprocess
import tomllib
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
import typer

from cli.main import app
from connector import VERSION
from local.functions import HTTP, load_functions
from shared.recover.noted import NOTED, TOLD_ELSEWHERE
from shared.settings import REQUIRED, ROWS, Setting

REPOSITORY = Path(__file__).parents[2]
DOCS = REPOSITORY / "docs"
PAGES = sorted(REPOSITORY.glob("*.md")) + sorted(DOCS.rglob("*.md"))
# Findings whose code is put together, by the module that does it.
COMPOSED = {
    "shared/fhir/explain.py": {
        "fhir_cardinality", "fhir_choice", "fhir_code", "fhir_invariant", "fhir_missing", "fhir_primitive", "fhir_type",
        "fhir_unknown",
    },
    "shared/mapping/datatypes/time.py": {"time_ambiguous", "time_skipped"},
    "shared/mapping/grouping.py": {"segment_local", "segment_unknown"},
    "shared/mapping/scope.py": {"identifier_mothers_number", "identifier_placeholder"},
}  # fmt: skip
# What these find goes into the ledger with the message; what makes a bundle invalid stops it, and is not among them.
NOTING = (
    *("hl7/parsing.py", "hl7/delimiters.py"),
    *("ingest/", "mapping/", "fhir_in/", "fhir/releases/", "fhir/us_core.py", "mpi/"),
)
HANDS_ON = "shared/mapping/reading.py"  # the code that `find` was given


def test_hub_connector_changelog_and_pages_name_one_version():
    """Who reads a version in a log, a file name or the changelog must find the same one in the others."""
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text("utf-8"))["project"]["version"]
    changes = (REPOSITORY / "CHANGELOG.md").read_text("utf-8")
    newest = re.findall(r"^## (\d+\.\d+\.\d+) \(\d{4}-\d\d-\d\d\)$", changes, re.MULTILINE)[:1]
    archives = {
        name
        for page in PAGES
        for name in re.findall(r"caduceus-connector-(\d[\w.]*)\.tar\.gz", page.read_text("utf-8"))
    }
    assert ([VERSION], newest, archives) == ([project], [project], {project})


def test_every_decision_stands_in_their_index_under_its_title():
    """Nobody opens a hundred pages to see whether something was decided."""
    pages = sorted((DOCS / "decisions").glob("[0-9]*.md"))
    titles = {page.name: page.read_text("utf-8").partition("\n")[0].removeprefix("# ") for page in pages}
    expected = [f"- [{title[:4]}]({name}){title[4:]}" for name, title in titles.items()]
    index = (DOCS / "decisions" / "README.md").read_text("utf-8")
    assert re.findall(r"^- .*", index, re.MULTILINE) == expected


def test_every_finding_of_the_code_is_on_the_page_and_no_other():
    """A finding nobody can look up is noise; a row of a finding that is gone is a lie."""
    page = (DOCS / "findings.md").read_text("utf-8")
    listed = re.findall(r"^\| `([a-z_]+)` \|", page, re.MULTILINE)
    assert sorted(listed) == sorted(literal_findings() | set().union(*COMPOSED.values()))


def test_the_findings_that_messages_are_found_by_are_those_of_the_stages_that_note_them():
    """By a code that is missing here nobody could ask; of one too many the answer would be that nobody has it."""
    made = [(path, code) for path, code in findings() if code is not None]
    made += [(path, code) for path, codes in COMPOSED.items() for code in codes]
    noted = {code for path, code in made if path.removeprefix("shared/").startswith(NOTING)}
    assert {code for code in noted if not code.startswith("fhir_")} == NOTED
    assert {code for _, code in made} - NOTED == TOLD_ELSEWHERE


def test_the_page_says_of_each_section_whether_messages_are_found_by_its_codes():
    """Whoever looks a code up learns there what to ask with it."""
    for section in (DOCS / "findings.md").read_text("utf-8").split("\n## ")[1:]:
        codes = set(re.findall(r"^\| `([a-z_]+)` \|", section, re.MULTILINE))
        assert codes <= (TOLD_ELSEWHERE if "No message is found by" in section else NOTED), section.splitlines()[0]


def test_composed_findings_are_made_where_this_test_says():
    """Keeps the list above honest: a module that composes codes must be on it."""
    composing = {path for path, code in findings() if code is None} - {HANDS_ON}
    assert composing == set(COMPOSED)
    for path, codes in COMPOSED.items():
        text = (REPOSITORY / path).read_text("utf-8")
        assert [code for code in codes if code.removeprefix("identifier_") not in text] == []


def test_every_setting_is_on_the_page_with_its_default_and_purpose():
    """A setting that is not on the page is found by reading code, at the worst moment."""
    page = (DOCS / "settings.md").read_text("utf-8")
    table = "\n".join(f"| `{row.variable}` | {_default(row)} | {row.purpose} |" for row in ROWS.values())
    assert table in page, f"docs/settings.md should have these rows:\n{table}"


def test_every_http_route_is_on_the_page_with_its_methods():
    """The page is the contract of the command line, the console and everybody's scripts."""
    page = (DOCS / "hub-api.md").read_text("utf-8")
    listed = set(re.findall(r"^\| `([A-Z]+ /[^`]*)` \|", page, re.MULTILINE))
    served = {
        f"{method} /{function.trigger['route']}"
        for function in load_functions()
        if function.kind == HTTP
        for method in function.trigger["methods"]
    }
    assert {route for route in listed if not route.split(" ")[1].startswith("/local")} == served


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_of_a_page_leads_somewhere(page):
    """A dead link is found by the reader who needed it."""
    links = re.findall(r"\]\((?!https?:)([^)#]+)(?:#[^)]*)?\)", page.read_text("utf-8"))
    assert [link for link in links if not (page.parent / link).exists()] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_command_of_a_page_exists(page):
    """Nobody debugs the runbook."""
    named = re.findall(r"caduceus ([a-z]+)(?: ([a-z]+))?", _code(page))
    assert [one for one in named if not _is_command(*one)] == []
    targets = re.findall(r"^([a-z-]+):", (REPOSITORY / "Makefile").read_text("utf-8"), re.MULTILINE)
    assert set(re.findall(r"(?:^|`)make ([a-z-]+)", page.read_text("utf-8"), re.MULTILINE)) <= set(targets)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_source_file_and_module_of_a_page_exists(page):
    """A page that leads to where the code once was costs a newcomer the trust in all the others."""
    text, sources = page.read_text("utf-8"), _sources()
    files = re.findall(r"`((?:[\w-]+/)*[\w-]+\.py)`", text)
    assert [one for one in files if not any(f"/{source}".endswith(f"/{one}") for source in sources)] == []
    known = {source.removesuffix(".py").removesuffix("/__init__").replace("/", ".") for source in sources}
    ours = {one.partition(".")[0] for one in known}
    modules = re.findall(r"python -m ([\w.]*\w)", text)
    assert [one for one in modules if one.partition(".")[0] in ours and one not in known] == []


def test_the_repository_holds_nothing_that_is_made_anew():
    """Built files in a commit hide what changed."""
    tracked = subprocess.run(["git", "ls-files"], cwd=REPOSITORY, capture_output=True, text=True, check=True).stdout
    assert [name for name in tracked.splitlines() if re.search(r"\.(pyc|db|log)$|egg-info|^\.venv", name)] == []


def _is_command(name: str, sub: str) -> bool:
    """Tell whether the command line has a command, and of a group of commands this one."""
    command = typer.main.get_command(app).commands.get(name)
    return command is not None and (not sub or sub in getattr(command, "commands", {sub}))


@cache
def _sources() -> list[str]:
    return subprocess.run(
        ["git", "ls-files", "*.py"], cwd=REPOSITORY, capture_output=True, text=True, check=True
    ).stdout.split()


def literal_findings() -> set[str]:
    return {code for _, code in findings() if code is not None}


def findings() -> Iterator[tuple[str, str | None]]:
    """Yield each place that makes a finding, with its code; None where the code is no literal."""
    for path in sorted((REPOSITORY / "shared").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Call) and node.args and _makes_finding(node.func):
                first, name = node.args[0], path.relative_to(REPOSITORY).as_posix()
                yield name, first.value if isinstance(first, ast.Constant) else None


def _makes_finding(function: ast.expr) -> bool:
    if isinstance(function, ast.Name):
        return function.id == "Finding"
    is_scope = isinstance(function, ast.Attribute) and isinstance(function.value, ast.Name)
    return is_scope and function.attr == "find" and function.value.id == "scope"


def _default(row: Setting) -> str:
    if row.default is REQUIRED:
        return "**needed**"
    if isinstance(row.default, Path) and row.default.is_absolute():
        return f"`{row.default.relative_to(REPOSITORY)}`"
    return "" if row.default in (None, "", frozenset()) else f"`{row.default}`"


def _code(page: Path) -> str:
    text = page.read_text("utf-8")
    return "\n".join(re.findall(r"```sh\n(.*?)```", text, re.DOTALL) + re.findall(r"`(caduceus [^`]*)`", text))
