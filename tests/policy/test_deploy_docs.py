"""docs/deploy.md: its commands are ones that there are, and what it quotes is what is said and made."""

from __future__ import annotations

import json
import re
import shlex
import sys

import botocore.session
import click
import pytest
from botocore import xform_name
from botocore.validate import ParamValidator

from tests.policy.tree import ROOT
from trailhouse import cli, options, pack
from trailhouse.lake import failures

PAGE = (ROOT / "docs" / "deploy.md").read_text("utf-8")
BLOCKS = re.findall(r"^```console\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
LINES = [each.strip() for block in BLOCKS for each in re.split(r"^\$ ", block.replace("\\\n", " "), flags=re.MULTILINE)]


def commands() -> list[list[str]]:
    """Words of each line that runs Trailhouse, by itself or by a script."""
    found = [shlex.split(line, comments=True) for line in LINES if line.startswith("trailhouse ")]
    found += [["trailhouse", *shlex.split(text)] for text in re.findall(r'"--trailhouse": "([^"]*)"', PAGE)]
    arguments = re.search(r'"entryPointArguments": (\[.*?\])', PAGE)
    assert arguments
    return [*found, ["trailhouse", "ingest", *json.loads(arguments[1])]]


@pytest.mark.parametrize("words", commands(), ids=" ".join)
def test_every_command_of_the_page_is_understood(words):
    with click.Context(cli.trailhouse) as context:
        name, found, rest = cli.trailhouse.resolve_command(context, words[1:])
        assert found is not None
        found.make_context(name, list(rest))  # raises what click says of wrong usage


def test_what_the_page_names_is_what_is_made():
    targets = [pack.Target(python, platform, form) for python in pack.PYTHONS for platform in pack.PLATFORMS
               for form in ("archive", "glue")]  # fmt: skip
    named = set(re.findall(r"trailhouse-[a-z0-9._-]+?\.(?:tar\.gz|gluewheels\.zip)", PAGE))
    assert named and named <= {target.name for target in targets}
    jobs = set(re.findall(r"jobs/([a-z_]+\.py)", PAGE))
    assert jobs == {"ingest.py", "glue.py"}
    assert jobs <= {**pack.scripts(pack.Target()), **pack.scripts(pack.Target(form="glue"))}.keys()


@pytest.mark.parametrize("form", ["archive", "glue"])
def test_the_page_has_what_the_command_says_comes_next(tmp_path, form):
    target = pack.Target("3.13" if form == "glue" else "3.11", form=form)
    made = [pack.Made(tmp_path / target.name, 1, "")]
    said = "\n".join(sys.modules["trailhouse.cli.pack"]._next(target, tmp_path, made))
    confs = re.findall(r"--conf \S+|--[a-z-]+ s3://\S+/trailhouse-\S+|--[a-z-]+-option --no-index", said)
    assert confs
    plain = PAGE.replace('": "', " ").replace('"--', "--")
    assert [conf for conf in confs if conf not in plain] == []


def test_settings_that_the_page_names_are_there():
    names = {option.name for option in options.options()} | {"quality.expectations"}
    assert set(re.findall(r"`((?:batch|quality|lake)\.[a-z_]+|spark\.job_timeout)`", PAGE)) <= names


def test_messages_that_the_page_explains_are_said():
    assert "Spark's workers have not the Python that the driver has" in failures.advice("ModuleNotFoundError: x")
    assert "a right is missing" in failures.advice("AccessDenied")
    assert "there is no ${TRAILHOUSE_PYTHON:-python3.11} on this machine" in pack.PYTHON.format(python="3.11")


def aws_commands() -> list[list[str]]:
    """Of services that botocore describes as the AWS CLI has them; `aws s3` and `aws emr` are the CLI's own."""
    found = [shlex.split(line) for line in LINES if line.startswith("aws ")]
    assert {words[1] for words in found} == {"s3", "emr", "emr-serverless", "glue"}
    return [words for words in found if words[1] not in ("s3", "emr")]


@pytest.mark.parametrize("words", aws_commands(), ids=lambda words: " ".join(words[1:3]))
def test_every_command_of_aws_is_one_that_aws_describes(words):
    service = botocore.session.Session().get_service_model(words[1])
    operation = next(name for name in service.operation_names if xform_name(name, "-") == words[2])
    shape = service.operation_model(operation).input_shape
    members = {f"--{xform_name(name, '-')}": name for name in shape.members}
    given = dict(zip(words[3::2], words[4::2], strict=True))
    assert set(given) <= set(members)
    values = {members[flag]: _value(text) for flag, text in given.items()}
    required = {name: "x" for name in shape.required_members if shape.members[name].metadata.get("idempotencyToken")}
    problems = ParamValidator().validate({**required, **values}, shape)
    assert not problems.has_errors(), problems.generate_report()


def _value(text: str) -> object:
    return json.loads(text) if text.startswith(("{", "[")) else int(text) if text.isdecimal() else text


def test_a_step_of_emr_is_json():
    (line,) = (line for line in LINES if line.startswith("aws emr "))
    (step,) = json.loads(shlex.split(line)[-1])
    assert step["Args"][0] == "spark-submit" and all(isinstance(each, str) for each in step["Args"])
