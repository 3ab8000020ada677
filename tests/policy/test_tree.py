"""Rules of the tree: sizes, names, words that must not stand in it, locks."""

from __future__ import annotations

import ast
import re
import tomllib
from pathlib import Path

import pytest

from tests.policy.tree import JOBS, ROOT, files, modules
from tools import lanes, native, setup

SOURCES = sorted(JOBS.rglob("*.py"))
LOCKS = sorted((ROOT / "requirements").glob("*.txt"))
LONGEST = 400  # lines
EMPTY_NAMES = {"utils", "util", "common", "helpers", "helper", "base", "core", "manager", "misc"}

# Put together here, so that this file keeps the rule too.
UNFINISHED = re.compile("|".join(("TO" + "DO", "FIX" + "ME", "XX" + "X")) + r"(?![A-Za-z_])")
REGISTRIES = re.compile(
    "|".join(
        host.replace(" ", r"\.")
        for host in (
            "pypi org", "pythonhosted org", "repo1? maven", "maven apache org/maven2", "central sonatype", "proxy golang org",
            "sum golang org", "registry npmjs", "crates io", "deb debian org", "conda anaconda org",
        )
    )
)  # fmt: skip


def name_of(path: Path) -> str:
    return str(path.relative_to(ROOT))


def text_of(path: Path) -> str:
    return path.read_bytes().decode("utf-8", "replace")


def words(path: Path, forbidden: re.Pattern[str]) -> list[str]:
    text = text_of(path)
    return [f"{name_of(path)}:{text.count(chr(10), 0, m.start()) + 1}: {m.group()}" for m in forbidden.finditer(text)]


@pytest.mark.parametrize("path", SOURCES, ids=name_of)
def test_every_module_says_what_it_does(path):
    assert ast.get_docstring(ast.parse(text_of(path)))


@pytest.mark.parametrize("path", SOURCES, ids=name_of)
def test_no_module_is_longer_than_a_reader_holds(path):
    assert text_of(path).count("\n") <= LONGEST


@pytest.mark.parametrize("name", [name for name in modules() if name])
def test_a_module_is_named_for_what_it_does(name):
    assert not set(name.split(".")) & EMPTY_NAMES


def test_nothing_unfinished_is_kept_in_comments():
    assert [each for path in files() for each in words(path, UNFINISHED)] == []


def test_no_file_names_a_registry():
    assert [each for path in files() for each in words(path, REGISTRIES)] == []


def test_no_file_names_the_folder_it_was_written_in():
    here = re.compile(re.escape(str(ROOT)) + r"(?=[/\s\"'`]|$)")
    assert [each for path in files() for each in words(path, here)] == []


@pytest.mark.parametrize(
    ("rule", "text"),
    [
        (UNFINISHED, "# TO" + "DO: later"),
        (REGISTRIES, "index-url = https://py" + "pi.org/simple"),
        (REGISTRIES, "https://files.python" + "hosted.org/packages/x.whl"),
        (REGISTRIES, "https://repo.ma" + "ven.apache.org/maven2"),
        (REGISTRIES, "GOPROXY=https://proxy.go" + "lang.org"),
    ],
)
def test_the_words_are_found(rule, text, tmp_path):
    assert rule.search(text)


def requirements(text: str) -> list[str]:
    """The requirements of a lock, each with its hashes on one line."""
    lines = [line for line in text.replace("\\\n", " ").splitlines() if not line.lstrip().startswith("#")]
    return [line for line in lines if line.strip()]


def unpinned(text: str) -> list[str]:
    return [
        line.split()[0]
        for line in requirements(text)
        if not re.match(r"[a-z0-9._-]+==\S+", line) or "--hash=sha256:" not in line or "://" in line
    ]


@pytest.mark.parametrize("path", LOCKS, ids=name_of)
def test_every_requirement_has_a_version_and_hashes_and_no_address(path):
    assert unpinned(text_of(path)) == []
    assert "://" not in text_of(path)


@pytest.mark.parametrize(
    "line",
    [
        "click==8.5.1",
        "click>=8 --hash=sha256:00",
        "--index-url https://example.com/simple",
        "click @ https://example.com/click.whl --hash=sha256:00",
    ],
)
def test_a_requirement_without_a_pin_is_found(line):
    assert unpinned(f"rich==15.0.0 \\\n    --hash=sha256:00\n{line}\n") == [line.split()[0]]


def test_the_lock_holds_what_the_constraints_say():
    constraints = text_of(ROOT / "requirements" / "constraints.in")
    locked = {line.split()[0] for line in requirements(text_of(ROOT / "requirements" / "dev.txt"))}
    wanted = set(re.findall(r"^[a-z-]+==[0-9.]+", constraints, re.MULTILINE))
    assert wanted
    assert wanted <= locked


def pinned(path: Path) -> dict[str, str]:
    """Package, with its version and whatever hangs on the machine -> its hashes."""
    lines = requirements(text_of(path))
    return {line.partition("--hash")[0].strip(): " ".join(re.findall(r"--hash=\S+", line)) for line in lines}


def test_what_a_cluster_gets_is_what_was_tested_and_no_spark():
    """requirements/run.txt is of dev.txt, to the hash, with all that is not for developers alone."""
    run, dev = (pinned(ROOT / "requirements" / name) for name in ("run.txt", "dev.txt"))
    assert {name.partition("==")[0] for name in run} >= {"msgspec", "pyarrow", "pyiceberg", "boto3", "duckdb", "isal"}
    assert not [name for name in run if name.startswith(("pyspark==", "py4j==", "pytest", "moto"))]
    tested = {name.partition(" ;")[0]: hashes for name, hashes in dev.items()}
    assert [name for name, hashes in run.items() if tested.get(name.partition(" ;")[0]) != hashes] == []


def test_the_first_lane_is_the_spark_of_the_environment():
    dev = pinned(ROOT / "requirements" / "dev.txt")
    assert dev.items() >= pinned(ROOT / "requirements" / "spark41.txt").items()


@pytest.mark.parametrize("lane", lanes.LANES.values(), ids=lanes.LANES)
def test_every_jar_is_pinned_by_its_hash(lane):
    named = {
        f"{artifact}-{version}.jar" for _, artifact, version in (c.split(":") for c in setup.coordinates(lane.pom))
    }
    sums = setup.read_sums(lane.sums)
    assert set(sums) == named
    assert all(re.fullmatch(r"[0-9a-f]{64}", digest) for digest in sums.values())


def test_every_crate_is_pinned_by_its_hash():
    lines = native.CRATES.read_text().splitlines()
    assert "\n".join([*lines, ""]) == native.written(native.read_crates())
    assert all(re.fullmatch(r"[a-z0-9_-]+ [0-9][0-9a-z.+-]* [0-9a-f]{64}", line) for line in lines[1:])
    named = tomllib.loads(text_of(ROOT / "native" / "Cargo.toml"))["dependencies"]
    assert set(named) <= {name for name, _ in native.read_crates()}
