"""docs/deploy.md: its commands are ones that there are, and what it quotes is what is said and made."""

from __future__ import annotations

import json
import re
import shlex
import sys

import click
import pytest

from tests.policy.tree import ROOT
from trailhouse import cli, options, pack
from trailhouse.lake import failures

PAGE = (ROOT / "docs" / "deploy.md").read_text("utf-8")
BLOCKS = re.findall(r"^```console\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
LINES = [line.removeprefix("$ ") for block in BLOCKS for line in block.replace("\\\n", " ").splitlines()]


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
