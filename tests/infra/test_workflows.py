"""The adopter's pipeline: it signs in without a secret, in the right order, with commands that exist."""

from __future__ import annotations

import re
import tomllib

import pytest
import yaml

from infra.deployment.package import PYTHON
from tests.infra.graph import REPOSITORY, STACKS

FOLDER = REPOSITORY / ".github" / "workflows"
FILES = sorted(FOLDER.glob("*.yml"))
WORKFLOWS = {path.stem: yaml.safe_load(path.read_text("utf-8")) for path in FILES}
ACTION = yaml.safe_load((REPOSITORY / ".github" / "actions" / "azure" / "action.yml").read_text("utf-8"))
CONTAINERFILE = "relay/service/Containerfile"
each_workflow = pytest.mark.parametrize("name", WORKFLOWS)


def jobs_of(name):
    return WORKFLOWS[name]["jobs"].values()


def commands():
    """Every line a pipeline runs."""
    steps = [step for name in WORKFLOWS for job in jobs_of(name) for step in job.get("steps", [])]
    return [step["run"] for step in [*steps, *ACTION["runs"]["steps"]] if "run" in step]


@each_workflow
def test_a_workflow_may_read_the_code_and_a_job_says_what_more_it_needs(name):
    """A pipeline that may write is a way into the repository."""
    assert WORKFLOWS[name]["permissions"] == {"contents": "read"}
    for job in jobs_of(name):
        assert set(job.get("permissions", {})) <= {"contents", "id-token"}


@each_workflow
def test_whoever_signs_in_to_azure_does_so_under_an_environment(name):
    """The environment is what Entra trusts, and where reviewers are asked."""
    for job in jobs_of(name):
        if job.get("permissions", {}).get("id-token") == "write" and "uses" not in job:
            assert job["environment"]


def test_the_only_secret_is_the_gateways_key():
    """Azure is entered with a token of GitHub's; nothing that lasts lies in the settings of a repository."""
    named = {secret for path in FILES for secret in re.findall(r"secrets\.(\w+)", path.read_text("utf-8"))}
    assert named == {"GATEWAY_KEY"}


def test_stacks_follow_one_another_and_production_is_last():
    """What failed in test never reaches production."""
    jobs = WORKFLOWS["deploy"]["jobs"]
    assert list(jobs) == ["checks", *STACKS]
    assert [job.get("needs") for job in jobs.values()] == [None, "checks", "dev", "test"]


def test_nothing_is_deployed_that_the_checks_refuse():
    """A push to main starts both; a stack would be there before its tests have failed."""
    assert WORKFLOWS["deploy"]["jobs"]["checks"]["uses"] == "./.github/workflows/checks.yml"
    assert "workflow_call" in WORKFLOWS["checks"][True]  # YAML 1.1 reads the key `on` as true
    runs = [step["run"] for job in jobs_of("checks") for step in job["steps"] if "run" in step]
    assert {"make lint", "make test"} <= set(runs)


def test_the_checks_run_on_every_python_that_is_in_use():
    """Sockets, certificates and SQLite differ by version: what is seen on one is not proved on another."""
    oldest = tomllib.loads((REPOSITORY / "pyproject.toml").read_text("utf-8"))["project"]["requires-python"]
    images = [REPOSITORY / part / "service" / "Containerfile" for part in ("connector", "relay")]
    shipped = {re.search(r"python:(3\.\d+)-", image.read_text("utf-8"))[1] for image in images}
    tested = WORKFLOWS["checks"]["jobs"]["checks"]["strategy"]["matrix"]["python"]
    assert set(tested) == {oldest.removeprefix(">="), PYTHON, *shipped}


def test_up_follows_a_preview_under_the_rules_and_ends_with_a_message_all_the_way():
    """A deployment is done when a message has arrived, and not before."""
    jobs = WORKFLOWS["stack"]["jobs"]
    assert jobs["up"]["needs"] == "preview"
    assert jobs["preview"]["environment"] != jobs["up"]["environment"]
    runs = [step["run"] for step in jobs["up"]["steps"] if "run" in step]
    assert "--policy-pack infra/policy" in jobs["preview"]["steps"][-1]["run"]
    assert runs[0].startswith("pulumi up")
    assert "caduceus smoke" in runs[-1]


def test_the_check_at_night_fails_on_any_difference():
    """A change by hand is found within a day."""
    [job] = jobs_of("drift")
    assert job["strategy"]["matrix"]["stack"] == list(STACKS)
    assert "--refresh --expect-no-changes" in job["steps"][-1]["run"]


def test_every_target_of_make_and_every_command_exists():
    """A pipeline that fails for a word is debugged one push at a time."""
    targets = set(re.findall(r"^([a-z-]+):", (REPOSITORY / "Makefile").read_text("utf-8"), re.MULTILINE))
    used = {target for command in commands() for target in re.findall(r"\bmake ([a-z-]+)", command)}
    assert {"lint", "test", "install-infra", "deploy"} <= used <= targets
    assert (REPOSITORY / "infra" / "policy" / "PulumiPolicy.yaml").exists()


def test_the_listeners_image_is_built_on_a_base_by_digest_and_pushed_without_a_password():
    """What is pinned is what was looked at; the registry is entered with GitHub's own token."""
    job = WORKFLOWS["image"]["jobs"]["image"]
    runs = [step.get("run", step.get("uses")) for step in job["steps"]]
    order = [next(n for n, run in enumerate(runs) if word in run) for word in ("sha256", "azure/login", "az acr login")]
    assert order == sorted(order)
    *_, made = runs
    assert "--build-arg PYTHON_IMAGE=" in made
    assert f"--file {CONTAINERFILE}" in made
    assert (REPOSITORY / CONTAINERFILE).exists()
    assert made.index("docker run") < made.index("docker push")
    assert "--password" not in "".join(runs)


def test_nothing_that_a_stranger_writes_is_run_by_a_shell():
    """A title of a pull request in a script is a script of whoever wrote it. Choices and file names are not."""
    harmless = {"inputs.stack"}
    written = {name.strip() for command in commands() for name in re.findall(r"\$\{\{(.*?)\}\}", command)}
    assert written <= harmless
