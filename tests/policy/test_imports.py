"""
Who may know whom. The table is the law of the house; each rule is shown to catch what it is for.

    cli → ingest | integrity | ask | upkeep | doctor | sample → lake, sources → third parties
"""

from __future__ import annotations

import ast
import graphlib
import json
import subprocess
import sys

import pytest

from tests.policy.tree import JOBS, imports, is_in, modules, own

# What a place may import of our own; each may import itself, `errors`, and the package's version.
MAY = {
    "cli": {
        "settings",
        "config_file",
        "options",
        "show",
        "picture",
        "page",
        "proof_page",
        "pack",
        "ingest",
        "integrity",
        "ask",
        "upkeep",
        "doctor",
        "sample",
        "lake",
        "sources.aws",  # a settings file may lie in a bucket
        "sources.values",  # plain values: which objects are meant
    },
    "ingest": {"settings", "options", "faults", "limits", "lake", "sources", "decode"},
    "integrity": {"settings", "limits", "lake", "sources", "decode"},
    "ask": {"settings", "limits", "lake", "sources", "decode"},
    "upkeep": {
        "settings",
        "faults",
        "limits",
        "lake",
        "sources",
        "decode",
        "ingest",
    },  # what is mended goes in by the same door
    "doctor": {"settings", "lake", "sources"},
    "sample": set(),  # what makes the data shares nothing with what reads it, or they would agree on a mistake
    "lake": {"settings", "faults", "package", "sources.aws"},
    "sources": {"settings", "faults", "limits"},
    "decode": {"limits", "lake.schema"},
    "settings": {"config_file", "limits", "forms", "bounds", "scheduling"},
    "config_file": set(),
    "bounds": {"forms"},
    "scheduling": {"forms"},
    "forms": set(),
    "faults": {"settings"},
    "options": {"settings"},
    "limits": set(),
    "show": set(),
    "picture": {"show"},
    "sheet": {"show"},  # how a page stands alone
    "page": {"sheet", "picture"},
    "proof_page": {"sheet"},
    "errors": set(),
    "package": set(),  # the package's own files
    "pack": {"package"},
    "": set(),
}

# Inside ingest only `run` puts the steps in order; a step knows the values that pass between them, not the others.
INGEST = {
    "values": set(),
    "duplicates": set(),  # which rows are twins: asked by workers when they write, look, and write again
    "backlog": {"values"},
    "known": {"values"},
    "plan": {"values", "backlog", "known"},
    "task": {"values", "duplicates"},
    "isolate": {"task"},
    "rewrite": {"values", "duplicates"},
    "stage": {"values"},
    "rules": set(),  # which rows break an expectation: asked by workers, and before any work whether it can be judged
    "inspect": {"values", "duplicates", "rules"},
    "measure": {"values", "inspect", "stage"},  # `inspect` is the workers' half of it
    "audit": {"values"},  # judges what was measured
    "refusal": {"values", "audit"},
    "publish": {"values", "stage"},  # tables are published in the order they were staged in, with stage's ledger rows
    "waiting": {"values", "backlog"},
    "job": {
        "rules",
        "audit",
        "values",
    },  # a run's settings, session and result; the user's expectations: checked by both
    "restate": {"values", "stage"},  # what gives way to a batch that says objects anew
    "takeback": {"values", "stage", "publish"},  # a batch that takes others back
    "settle": {
        "job",
        "values",
        "plan",
        "task",
        "rewrite",
        "stage",
        "inspect",
        "measure",
        "audit",
        "publish",
        "refusal",
        "restate",
        "takeback",
    },
    "anew": {"job", "values", "plan", "stage", "audit", "settle", "run"},  # as `run`, of objects that are settled
    "run": {"job", "values", "plan", "task", "isolate", "stage", "audit", "publish", "settle", "waiting"},
}

# Libraries that one place alone knows, so that there is one place to change.
ONLY = {
    "boto3": {"sources.aws"},
    "botocore.session": {"sources.aws"},
    "great_expectations": {"ingest.audit"},
    "pyspark": {"lake.session"},
    "duckdb": {"ask"},
    "sqlglot": {"ask"},
    "rich": {"show"},
    "click": {"cli"},
    "cryptography": {"sample.signing", "integrity"},  # the one signs, the other verifies
    "trailhouse.lake.remove": {"upkeep.orphans"},  # it alone deletes
}

# No engine, no cloud, no clock, no chance, no environment, no network: the same answer wherever and whenever.
PURE = ("decode", "limits", "errors", "sources.keys", "lake.schema", "ask.queries", "integrity.digest",
        "doctor.values", "doctor.rights", "doctor.checks", "doctor.trails")  # fmt: skip
IMPURE = (
    *("pyspark", "boto3", "botocore", "pyiceberg", "duckdb", "requests", "urllib3"),
    *("os", "time", "random", "secrets", "uuid", "socket", "ssl", "http", "urllib.request"),
    *("subprocess", "threading", "multiprocessing", "asyncio", "tempfile", "logging"),
)
CLOCKS = ("datetime.now", "datetime.utcnow", "datetime.today", "date.today")

# How files are deleted, by a store's or a library's own words.
DELETES = (
    *(".unlink", ".rmdir", ".rmtree", ".removedirs", "os.remove", "io.delete"),
    *(".delete_object", ".delete_objects", ".delete_file", ".delete_dir", ".delete_dir_contents"),
)

# Who else looks at os.environ, and why.
ENVIRONMENT = {
    "settings": "the one reader",
    "lake.session": "Spark's workers take the interpreter from PYSPARK_PYTHON; spark-submit announces itself there",
}


def broken(name: str, source: str) -> list[str]:
    """The rules that a module of this name and source breaks."""
    return [
        *_direction(name, source),
        *_steps(name, source),
        *_libraries(name, source),
        *_purity(name, source),
        *_environment(name, source),
        *_deletion(name, source),
        *_lazy(name, source),
    ]


def _direction(name, source):
    room = name.partition(".")[0]
    allowed = {room, "errors", ""} | MAY.get(room, set())
    for each in imports(source):
        target = own(each.what)
        if target is not None and not any(is_in(target, place) if place else target == "" for place in allowed):
            yield f"{name} imports {target}: {room} may import {', '.join(sorted(MAY.get(room, set()))) or 'nothing'}"


def _steps(name, source):
    folder, _, step = name.partition(".")
    if folder != "ingest" or not step:
        return
    for each in imports(source):
        target = own(each.what) or ""
        if is_in(target, "ingest") and target != name and target.partition(".")[2] not in INGEST.get(step, set()):
            yield f"{name} imports {target}: only run.py puts steps together"


def _libraries(name, source):
    for each in imports(source):
        for library, places in ONLY.items():
            if is_in(each.what, library) and not each.typing and not any(is_in(name, place) for place in places):
                yield f"{name} imports {each.what}: only {', '.join(places)} knows {library}"


def _is_pure(name):
    return any(is_in(name, place) for place in PURE)


def _purity(name, source):
    if not _is_pure(name):
        return
    for each in imports(source):
        target = own(each.what)
        if any(is_in(each.what, library) for library in IMPURE):
            yield f"{name} is pure and imports {each.what}"
        if target and not _is_pure(target):
            yield f"{name} is pure and imports {target}, which is not"
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call) and ast.unparse(node.func).endswith(CLOCKS):
            yield f"{name} is pure and calls {ast.unparse(node.func)}"
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "open":
            yield f"{name} is pure and opens a file"


def _environment(name, source):
    if name in ENVIRONMENT:
        return
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Attribute) and ast.unparse(node) in ("os.environ", "os.getenv", "os.environb"):
            yield f"{name} reads the environment: only {', '.join(ENVIRONMENT)} may"
    if any(each.what in ("os.environ", "os.getenv", "os.environb") for each in imports(source)):
        yield f"{name} reads the environment: only {', '.join(ENVIRONMENT)} may"


def _deletion(name, source):
    if name == "lake.remove":
        return
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call) and ast.unparse(node.func).endswith(DELETES):
            yield f"{name} deletes: only lake.remove may, and calls {ast.unparse(node.func)}"


def _lazy(name, source):
    if not is_in(name, "cli"):
        return
    for each in imports(source):
        target = own(each.what)
        light = ("settings", "config_file", "options", "show", "errors", "sources.values", "cli")
        if target and not (each.inside or each.typing or any(is_in(target, place) for place in light)):
            yield f"{name} imports {target} at its top: inside the command, or `trailhouse --help` pays for it"


@pytest.mark.parametrize("name", modules(), ids=lambda name: name or "trailhouse")
def test_every_module_keeps_the_law(name):
    assert broken(name, modules()[name].read_text("utf-8")) == []


@pytest.mark.parametrize(
    ("name", "source", "rule"),
    [
        ("lake.write", "from trailhouse.ingest import plan", "lake may import"),
        ("lake.write", "from trailhouse.sources.objects import fetch", "lake may import"),
        ("sources.bucket", "from trailhouse.lake import schema", "sources may import"),
        ("ask.local", "from trailhouse.ingest.values import Plan", "ask may import"),
        ("ingest.plan", "from trailhouse.upkeep import batches", "ingest may import"),
        ("sample.digests", "from cryptography.hazmat.primitives import hashes", "knows cryptography"),
        ("sample.story", "from trailhouse.decode import decode", "sample may import nothing"),
        ("decode.scan", "from trailhouse.lake import catalog", "decode may import"),
        ("show", "from trailhouse import settings", "show may import nothing"),
        ("newroom", "from trailhouse import settings", "newroom may import nothing"),
        ("ingest.plan", "from trailhouse.ingest import stage", "only run.py"),
        ("ingest.stage", "from trailhouse.ingest.publish import publish", "only run.py"),
        ("ingest.task", "def f():\n    from trailhouse.ingest import run", "only run.py"),
        ("sources.bucket", "import boto3", "only sources.aws knows boto3"),
        ("ingest.plan", "from botocore.session import Session", "only sources.aws"),
        ("ingest.stage", "import great_expectations as gx", "only ingest.audit"),
        ("ingest.run", "from pyspark.sql import SparkSession", "only lake.session"),
        ("upkeep.check", "import duckdb", "only ask"),
        ("upkeep.batches", "from trailhouse.lake import remove", "only upkeep.orphans"),
        ("upkeep.maintain", "from trailhouse.lake.remove import remove", "only upkeep.orphans"),
        ("lake.write", "Path(path).unlink()", "deletes: only"),
        ("ingest.stage", "client.delete_objects(Bucket=b, Delete={})", "deletes: only"),
        ("upkeep.compact", "io.delete(path)", "deletes: only"),
        ("decode.scan", "import time", "is pure and imports time"),
        ("decode.times", "from datetime import datetime\ndatetime.now()", "calls datetime.now"),
        ("decode.times", "import datetime\ndatetime.date.today()", "calls datetime.date.today"),
        ("sources.keys", "from trailhouse import settings", "is pure and imports settings"),
        ("ask.queries", "from trailhouse.ask import local", "is pure and imports ask.local"),
        ("integrity.digest", "import boto3", "is pure and imports boto3"),
        ("lake.schema", "open('x')", "opens a file"),
        ("ingest.run", "import os\nos.environ['HOME']", "reads the environment"),
        ("sources.aws", "from os import getenv", "reads the environment"),
        ("cli", "from trailhouse.ingest import run", "cli imports ingest.run at its top"),
    ],
)
def test_the_law_catches(name, source, rule):
    assert any(rule in each for each in broken(name, source))


@pytest.mark.parametrize(
    ("name", "source"),
    [
        ("cli", "def f():\n    from trailhouse.ingest import run"),
        ("ingest.run", "if TYPE_CHECKING:\n    from pyspark.sql import SparkSession"),
        ("lake.catalog", "from trailhouse.sources import aws"),
        ("upkeep.batches", "from trailhouse.ingest import run"),
        ("ingest.run", "import os\nos.cpu_count()"),
        ("sources.aws", "import boto3"),
        ("decode.times", "from datetime import datetime\ndatetime(2026, 3, 1)"),
        ("ask.queries", "from trailhouse.errors import UsageError"),
    ],
)
def test_the_law_lets_pass(name, source):
    assert broken(name, source) == []


def test_modules_import_each_other_in_one_direction():
    graph = {}
    for name, path in modules().items():
        found = {own(each.what) for each in imports(path.read_text("utf-8")) if not (each.inside or each.typing)}
        graph[name] = found - {None, "", name}
    tuple(graphlib.TopologicalSorter(graph).static_order())  # raises CycleError, which names the modules


HEAVY = {"pyspark", "boto3", "botocore", "pyarrow", "pyiceberg", "duckdb", "sqlglot", "great_expectations", "pandas"}


@pytest.mark.parametrize("arguments", [["--help"], ["--version"], ["ingest", "--help"]], ids=" ".join)
def test_asking_for_help_loads_nothing_heavy(arguments):
    script = (
        "import json, sys\n"
        "from trailhouse.cli import main\n"
        f"try:\n    main({arguments})\n"
        "except SystemExit as end:\n    assert not end.code, end.code\n"
        "json.dump(sorted(sys.modules), sys.stderr)"
    )
    ran = subprocess.run([sys.executable, "-c", script], cwd=JOBS, capture_output=True, text=True, check=True)
    assert "Usage" in ran.stdout or "version" in ran.stdout
    loaded = {name.partition(".")[0] for name in json.loads(ran.stderr)}
    assert sorted(loaded & HEAVY) == []
