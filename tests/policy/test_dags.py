"""
Rules of the DAGs: thin, documented, one at a time, no catch-up; their settings are those of the product; fast, offline.

Read as text, since Airflow is not in this environment; that Airflow itself takes them is in tests/airflow.
"""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from dataclasses import fields
from pathlib import Path
from typing import Literal, get_args, get_origin, get_type_hints

import pytest
from trailhouse_airflow import settings as theirs

from tests.policy.tree import ROOT, imports
from trailhouse import settings as ours
from trailhouse.cli.outcome import WORDS
from trailhouse.config_file import File
from trailhouse.errors import SettingsError
from trailhouse.scheduling import Airflow

FOLDER = ROOT / "airflow_dags"
DAGS = sorted(FOLDER.glob("*.py"))
SHARED = sorted((FOLDER / "trailhouse_airflow").glob("*.py"))
NAMES = {f"trailhouse_{name}" for name in ("ingest", "verify", "reports", "maintain", "backfill")}
# Only these are part of Airflow's own environment; the operators import the provider where the settings ask for it.
MAY_IMPORT = {"airflow", "botocore", "trailhouse_airflow"}
WITH_AIRFLOW = {"local", "emr", "jobs", "tries"}
ENDLESS = 110  # lines of a DAG that is thin


def name_of(path: Path) -> str:
    return path.name


def test_the_dags_are_these():
    assert {path.stem for path in DAGS} == NAMES


@pytest.mark.parametrize("path", [*DAGS, *SHARED], ids=name_of)
def test_a_file_says_what_it_does_and_is_short(path):
    assert ast.get_docstring(ast.parse(path.read_text("utf-8")))
    assert path.read_text("utf-8").count("\n") <= (ENDLESS if path in DAGS else 200)


@pytest.mark.parametrize("path", DAGS, ids=name_of)
def test_a_dag_runs_alone_and_never_catches_up(path):
    (call,) = (
        node
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "DAG"
    )
    said = {each.arg: ast.unparse(each.value) for each in call.keywords}
    assert ast.literal_eval(call.args[0]) == path.stem
    assert (said["catchup"], said["max_active_runs"], said["doc_md"]) == ("False", "1", "__doc__")
    assert "schedule" in said


@pytest.mark.parametrize("path", [*DAGS, *SHARED], ids=name_of)
def test_only_the_standard_library_and_airflow_are_imported(path):
    for each in imports(path.read_text("utf-8")):
        room = each.what.partition(".")[0]
        assert room in sys.stdlib_module_names or room in MAY_IMPORT, each.what
        assert room != "airflow" or path in DAGS or path.stem in WITH_AIRFLOW, f"{path.name} is to be pure"


@pytest.mark.parametrize("path", [*DAGS, *SHARED], ids=name_of)
def test_nothing_is_given_to_a_shell_or_rendered_or_unpickled(path):
    text = path.read_text("utf-8")
    for word in ("shell=True", "os.system", "BashOperator", "pickle", "yaml", "eval(", "exec(", "dag_run.conf"):
        assert word not in text, word
    rendered = re.findall(r"\{\{.*?\}\}", text)
    assert rendered in ([], ["{{ task.conf['from'] }}"]), "which is a day, parsed before"


# ── one table of settings, known twice ───────────────────────────────────────────────────────────────────────────────


def kind_of(name: str) -> str:
    """What the product takes a setting for."""
    hint = get_type_hints(Airflow)[name]
    return "word" if get_origin(hint) is Literal else ours.form_of("airflow", name) or hint.__name__


def test_both_know_the_same_keys_and_defaults():
    product = {each.name: each.default for each in fields(Airflow)}
    dags = {each.name: each.default for each in fields(theirs.Settings) if each.name != "sources"}
    assert dags == product
    words = {n: get_args(get_type_hints(Airflow)[n]) for n in product if kind_of(n) == "word"}
    assert {name: tuple(known) for name, known in theirs.WORDS.items()} == words
    assert set(theirs.PLACES) == {name for name in product if kind_of(name) == "place"}


SAMPLES = {
    "str": [
        "",
        "x",
        "a b",
        'q"',
        5,
        True,
        ["x"],
        "/usr/bin/python3",
        "a/b",
        "00f1",
        "arn:aws:iam::111122223333:role/x",
    ],
    "place": ["", "jobs", "../x", "/x/../y", "~/x", "file:///a%20b", "s3://lake/x/", "s3://L", "s3:x", "gs://x/y", 5],
    "duration": ["15m", "1d12h", "0s", "15", "1y", "", 5, "1h ", True],
    "int": [1, 8, "8", "1_0", 0, -1, 1.5, "x", True, ""],
    "bool": [True, False, "true", "false", "yes", 1, 0, ""],
    "word": ["local", "emr-serverless", "csv", "json", "Local", "", 5],
}


@pytest.mark.parametrize("name", [each.name for each in fields(Airflow)])
def test_both_take_a_value_for_the_same_or_refuse_it(name, tmp_path):
    file = tmp_path / "trailhouse.toml"
    read = File(str(file), tmp_path, "")
    for value in SAMPLES[kind_of(name)]:
        product = taken(lambda value=value: ours._field_value("airflow", name, value, read))
        assert taken(lambda value=value: theirs._value(name, value, file)) == product, value


def taken(read) -> object:
    """The value, or what is wanted instead."""
    try:
        return read()
    except (SettingsError, theirs.SettingsError) as error:
        return Wanted(str(error).partition(" must ")[2])


class Wanted(str):
    """Not a value: what is said where there is none."""

    __slots__ = ()

    def __eq__(self, other):
        return isinstance(other, Wanted) and str(self) == str(other)

    __hash__ = str.__hash__


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[airflow]\nrunnner = 'local'", "did you mean `airflow.runner`?"),
        ("airflow = 5", r"write \[airflow\] on a line of its own"),
        ("[airflow]\nrunner = 'local'", "`airflow.jobs` in trailhouse.toml is missing"),
        ("[airflow]\nrunner = 'emr-serverless'", "`airflow.config` in trailhouse.toml is missing"),
        ("[airflow", "is not valid TOML"),
    ],
)
def test_what_cannot_be_meant_is_an_error_that_helps(text, said, tmp_path):
    file = tmp_path / "trailhouse.toml"
    file.write_text(text)
    with pytest.raises(theirs.SettingsError, match=said):
        theirs.load({"TRAILHOUSE_CONFIG": str(file)})


def test_without_a_settings_file_it_is_said_where_to_name_one(tmp_path):
    with pytest.raises(theirs.SettingsError, match="set TRAILHOUSE_CONFIG"):
        theirs.load({})
    with pytest.raises(theirs.SettingsError, match="can't be read"):
        theirs.load({"TRAILHOUSE_CONFIG": str(tmp_path / "none.toml")})


def test_emr_serverless_takes_only_places_in_s3(tmp_path):
    file = tmp_path / "trailhouse.toml"
    places = dict.fromkeys(("config", "emr_entry_points", "emr_environment", "emr_results"), "s3://lake/x")
    given = {**places, "emr_application": "00f1", "emr_role": "arn:aws:iam::111122223333:role/x"}
    made = theirs.parsed({"airflow": {"runner": "emr-serverless", **given}}, file)
    assert theirs.completed(made, file) == made
    for name in (*places, "evidence", "reports"):
        wrong = theirs.parsed({"airflow": {"runner": "emr-serverless", **given, name: "folder"}}, file)
        with pytest.raises(theirs.SettingsError, match=f"`airflow.{name}` .* must be in S3"):
            theirs.completed(wrong, file)


def test_a_worker_finds_the_checkouts_environment(tmp_path):
    file = tmp_path / "trailhouse.toml"
    made = theirs.completed(theirs.parsed({"airflow": {"jobs": "/opt/trailhouse/jobs"}}, file), file)
    assert (made.python, made.spark_submit, made.config) == (
        "/opt/trailhouse/.venv/bin/python",
        "/opt/trailhouse/.venv/bin/spark-submit",
        str(file),
    )


# ── what the docs say ────────────────────────────────────────────────────────────────────────────────────────────────


def test_every_dag_task_and_exit_code_is_in_the_docs():
    page = (ROOT / "docs" / "airflow.md").read_text("utf-8")
    for path in DAGS:
        assert f"`{path.stem}`" in page
        named = re.findall(r'job\(\s*SETTINGS,\s*"(\w+)"|task_id="(\w+)"', path.read_text("utf-8"))
        tasks = re.findall(r"^@task.*?\ndef (\w+)", path.read_text("utf-8"), re.MULTILINE | re.DOTALL)
        for name in (*(a or b for a, b in named), *tasks):
            assert f"`{name}`" in page, f"{path.stem}: {name}"
    for code in WORDS:
        assert re.search(rf"^\| {code}\b|, {code} ", page, re.MULTILINE), code


def test_settings_in_the_docs_are_known():
    page = (ROOT / "docs" / "airflow.md").read_text("utf-8")
    for block in re.findall(r"```toml\n(.*?)```", page, re.DOTALL):
        given = tomllib.loads(block)["airflow"]
        made = theirs.parsed({"airflow": given}, ROOT / "trailhouse.toml")
        assert theirs.completed(made, ROOT / "trailhouse.toml").runner == given.get("runner", "local")
