"""What `trailhouse pack` makes, of packages that a test spells out; the real ones are for tests/cluster."""

from __future__ import annotations

import base64
import csv
import gzip
import hashlib
import io
import json
import os
import subprocess
import sys
import tarfile
import zipfile
from importlib.metadata import PathDistribution

import pytest

from tests.policy.tree import ROOT
from trailhouse import __version__, cli, pack, package
from trailhouse.errors import TrailhouseError

PYTHON = f"{sys.version_info[0]}.{sys.version_info[1]}"
WHEEL = "Wheel-Version: 1.0\nRoot-Is-Purelib: false\nTag: cp311-cp311-manylinux_2_17_x86_64\nTag: cp311-cp311-manylinux2014_x86_64\n"
FILES = {
    "thing/__init__.py": "from thing.inner import ANSWER\n",
    "thing/inner.py": "ANSWER = 42\n",
    "thing/data.txt": "data\n",
    "thing-1.2.dist-info/METADATA": "Metadata-Version: 2.1\nName: thing\nVersion: 1.2\n",
    "thing-1.2.dist-info/WHEEL": WHEEL,
    "thing-1.2.dist-info/INSTALLER": "uv",
    "thing-1.2.dist-info/REQUESTED": "",
    "bin/thing": "#!/home/dana/.venv/bin/python\n",
    "share/man/thing.1": "",
    "thing/__pycache__/inner.cpython-311.pyc": "",
    ".lock": "",
}
KEPT = {name for name in FILES if name.startswith("thing") and not name.endswith((".pyc", "INSTALLER", "REQUESTED"))}


def library(folder, names=tuple(FILES)):
    """As uv leaves it."""
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(FILES[name])
    recorded = [name for name in FILES if name != ".lock"]
    (folder / "thing-1.2.dist-info" / "RECORD").write_text(
        "".join(f"{name},sha256=x,1\n" for name in [*recorded, "thing-1.2.dist-info/RECORD"])
    )
    return folder


@pytest.fixture
def fetched(monkeypatch):
    """In uv's place: the same packages, whatever the lock says; what was asked is kept."""
    asked = []

    def fetch(program, target, place):
        asked.append(target)
        library(place)

    monkeypatch.setattr(pack, "_fetch", fetch)
    return asked


def unpacked(archive, folder):
    with tarfile.open(archive) as opened:
        opened.extractall(folder, filter="data")
    return folder


def quiet(said: str) -> None:
    """Nobody watches."""


@pytest.fixture
def kernel(monkeypatch, tmp_path):
    """A native kernel that is installed here, whatever this machine is."""
    place = tmp_path / "site"
    files = {"trailhouse_native/__init__.py": "VERSION = 1\n", "trailhouse_native-0.1.0.dist-info/uv_cache.json": "{}",
             "trailhouse_native-0.1.0.dist-info/sboms/trailhouse-native.cyclonedx.json": "{}",
             "trailhouse_native-0.1.0.dist-info/METADATA": "Metadata-Version: 2.4\nName: trailhouse-native\nVersion: 0.1.0\n",
             "trailhouse_native-0.1.0.dist-info/WHEEL": WHEEL}  # fmt: skip
    files["trailhouse_native-0.1.0.dist-info/RECORD"] = "".join(
        f"{name},sha256=x,1\n" for name in [*files, "trailhouse_native-0.1.0.dist-info/RECORD"]
    )
    for name, text in files.items():
        (place / name).parent.mkdir(parents=True, exist_ok=True)
        (place / name).write_text(text)
    found = PathDistribution(place / "trailhouse_native-0.1.0.dist-info")
    monkeypatch.setattr(pack.metadata, "distribution", lambda name: found)
    monkeypatch.setattr(pack.platform, "system", lambda: "Linux")
    monkeypatch.setattr(pack.platform, "machine", lambda: "x86_64")


# ── an archive ───────────────────────────────────────────────────────────────────────────────────────────────────────


def test_the_environment_runs_wherever_it_is_unpacked(fetched, tmp_path):
    """From another folder, under a name with a space, by a relative path, and by links."""
    made = pack.pack(pack.Target(PYTHON), tmp_path / "dist", quiet)[0]
    place = unpacked(made.path, tmp_path / "some where")
    (tmp_path / "link").symlink_to(place / "bin")
    (tmp_path / "python").symlink_to(place / "bin" / "python")
    script = "import thing, trailhouse, trailhouse.lake.schema as s; print(thing.ANSWER, trailhouse.__file__, len(s.text('events')) > 9)"
    env = {"PATH": f"{sys.base_prefix}/bin:/usr/bin:/bin"}
    for program in (place / "bin" / "python", "some where/bin/python", "link/python", "./python"):
        ran = subprocess.run([program, "-c", script], cwd=tmp_path, env=env, capture_output=True, text=True, check=True)
        answer, rest = ran.stdout.split(" ", 1)
        assert answer == "42" and rest.strip() == f"{place}/lib/trailhouse/__init__.py True"


def test_the_environment_asks_for_the_python_that_it_is_for(fetched, tmp_path):
    made = pack.pack(pack.Target(PYTHON), tmp_path / "dist", quiet)[0]
    python = unpacked(made.path, tmp_path / "environment") / "bin" / "python"
    ran = subprocess.run([python, "-c", ""], env={"PATH": "/usr/bin:/bin", "TRAILHOUSE_PYTHON": "/no/python"},
                         capture_output=True, text=True, check=False)  # fmt: skip
    assert ran.returncode == 127 and "there is no /no/python" in ran.stderr and "pack --python" in ran.stderr
    named = subprocess.run([python, "-c", "import thing"], env={"PATH": "/usr/bin:/bin", "TRAILHOUSE_PYTHON": sys.executable},
                           check=False)  # fmt: skip
    assert named.returncode == 0


def test_the_same_packages_make_the_same_bytes(tmp_path, fetched, monkeypatch):
    """Whenever, by whomever, and in whatever order a file system lists them."""
    target = pack.Target(PYTHON)
    first, second = (pack.pack(target, tmp_path / name, quiet)[0] for name in ("a", "b"))
    assert first.sha256 == second.sha256 == hashlib.sha256(first.path.read_bytes()).hexdigest()
    assert first.size == first.path.stat().st_size
    other = library(tmp_path / "other", tuple(reversed(FILES)))
    for path in other.rglob("*"):
        os.utime(path, (1, 1))
    (other / "thing" / "inner.py").chmod(0o600)
    listed = pack._installed
    monkeypatch.setattr(pack, "_installed", lambda library: sorted(listed(library), reverse=True))
    pack._write_archive(target, other, tmp_path / "other.tar.gz")
    assert first.path.read_bytes()[4:8] == bytes(4), "gzip's own time"
    assert (tmp_path / "other.tar.gz").read_bytes() == first.path.read_bytes()


def test_the_same_packages_make_the_same_bytes_by_whichever_python_they_were_fetched(tmp_path):
    """Packages bring programs whose first line names it, and record their hashes."""
    made = []
    for python in ("aaa", "bbb"):
        place = library(tmp_path / python)
        record = place / "thing-1.2.dist-info" / "RECORD"
        record.write_text(record.read_text().replace("bin/thing,sha256=x", f"bin/thing,sha256={python}"))
        made.append(tmp_path / f"{python}.tar.gz")
        pack._write_archive(pack.Target(PYTHON), place, made[-1])
    assert made[0].read_bytes() == made[1].read_bytes()
    kept = unpacked(made[0], tmp_path / "unpacked") / "lib" / "thing-1.2.dist-info" / "RECORD"
    assert {name for name, *_ in csv.reader(kept.read_text().splitlines())} == KEPT | {"thing-1.2.dist-info/RECORD"}


def test_the_archive_holds_packages_the_package_and_nothing_of_this_machine(fetched, tmp_path):
    made = pack.pack(pack.Target(PYTHON), tmp_path, quiet)[0]
    with tarfile.open(made.path) as archive:
        entries = archive.getmembers()
    names = [entry.name for entry in entries]
    assert names[0] == "bin/python" and len(names) == len(set(names))
    ours = {f"lib/{name}" for name, _ in package.whole()}
    assert set(names) == {"bin/python", "lib/thing-1.2.dist-info/RECORD"} | {f"lib/{name}" for name in KEPT} | ours
    assert {(entry.mtime, entry.uid, entry.gid, entry.uname) for entry in entries} == {(0, 0, 0, "")}
    assert str(tmp_path).encode() not in gzip.decompress(made.path.read_bytes())


def test_the_package_is_whole():
    names = {name for name, _ in package.whole()}
    assert {
        "trailhouse/__init__.py",
        "trailhouse/cli/pack.py",
        "trailhouse/schemas/events.toml",
        "trailhouse/run.txt",
    } <= names
    assert "trailhouse/sql/reports/root_use.sql" in names and any(
        name.startswith("trailhouse/sql/views/") for name in names
    )
    assert package.lock() == (ROOT / "requirements" / "run.txt").read_text()


# ── wheels ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_glue_gets_wheels_that_pip_would_have_taken(fetched, tmp_path):
    """In the form of AWS Glue's documentation: wheels/*.whl and wheels/requirements.txt; each wheel as it was."""
    made = pack.pack(pack.Target("3.13", form="glue"), tmp_path, quiet)[0]
    assert made.path.name == f"trailhouse-{__version__}-py313-x86_64.gluewheels.zip"
    with zipfile.ZipFile(made.path) as archive:
        held = {name: archive.read(name) for name in archive.namelist()}
    thing = "wheels/thing-1.2-cp311-cp311-manylinux_2_17_x86_64.manylinux2014_x86_64.whl"
    own = f"wheels/trailhouse-{__version__}-py3-none-any.whl"
    assert set(held) == {thing, own, "wheels/requirements.txt"}
    assert held["wheels/requirements.txt"].decode().split() == ["thing==1.2", f"trailhouse=={__version__}"]
    for wheel in (thing, own):
        with zipfile.ZipFile(io.BytesIO(held[wheel])) as opened:
            files = {name: opened.read(name) for name in opened.namelist()}
        record = next(name for name in files if name.endswith(".dist-info/RECORD"))
        told = {name: digest for name, digest, _ in csv.reader(files.pop(record).decode().splitlines())}
        assert told.pop(record) == ""
        assert told == {name: f"sha256={digest(content)}" for name, content in files.items()}
        assert set(files) >= (KEPT if wheel == thing else {name for name, _ in package.whole()})
    assert set(opened.namelist()) - {name for name, _ in package.whole()} == {
        f"trailhouse-{__version__}.dist-info/{name}" for name in ("METADATA", "WHEEL", "RECORD")
    }


def digest(content: bytes) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()


# ── the command ──────────────────────────────────────────────────────────────────────────────────────────────────────


def call(*arguments):
    with pytest.raises(SystemExit) as ended:
        cli.main([str(each) for each in arguments])
    return ended.value.code


def test_a_dry_run_says_what_would_be_made_and_makes_nothing(tmp_path, capsys, fetched):
    assert (
        call(
            "pack",
            "--out",
            tmp_path / "dist",
            "--dry-run",
            "--platform",
            "aarch64",
            "--python",
            "3.12",
            "--format",
            "json",
        )
        == 0
    )
    told = capsys.readouterr().out
    assert f"trailhouse-env-{__version__}-py312-aarch64.tar.gz" in told and "planned" in told
    assert not (tmp_path / "dist").exists() and not fetched


@pytest.mark.parametrize(
    ("form", "said"),
    [("archive", ["spark.archives=s3://BUCKET/trailhouse/trailhouse-env-", "spark-submit --master", "aws s3 cp "]),
     ("glue", ["--additional-python-modules s3://BUCKET/trailhouse/trailhouse-", "--no-index", "AWS Glue 5.1"])],
)  # fmt: skip
def test_the_command_says_what_it_made_and_what_comes_next(tmp_path, capsys, fetched, form, said):
    assert call("pack", "--out", tmp_path / "dist", "--for", form, "--python", "3.11") == 0
    told = capsys.readouterr()
    assert all(each in told.out for each in said), told.out
    assert "fetching" in told.err and "writing" in told.err
    assert fetched == [pack.Target("3.11", "x86_64", form)]
    assert sorted(path.name for path in (tmp_path / "dist").iterdir() if path.name != "jobs") == [fetched[0].name]


def test_without_uv_it_says_where_to_get_it(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python3"))
    monkeypatch.setenv("PATH", str(tmp_path))
    assert call("pack", "--out", tmp_path / "dist") == 1
    assert "python3 -m pip install uv" in capsys.readouterr().err
    assert not (tmp_path / "dist").exists()


def test_what_uv_can_not_fetch_is_told_and_nothing_is_left(tmp_path, monkeypatch):
    broken = tmp_path / "uv"
    broken.write_text("#!/bin/sh\necho 'no such index' >&2\nexit 2\n")
    broken.chmod(0o755)
    monkeypatch.setattr(pack, "uv", lambda: broken)
    with pytest.raises(TrailhouseError, match="no such index"):
        pack.pack(pack.Target(), tmp_path / "dist", quiet)
    assert list((tmp_path / "dist").iterdir()) == []


def test_an_interrupt_leaves_nothing_half_made(tmp_path, monkeypatch, fetched):
    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(package, "whole", interrupted)
    with pytest.raises(KeyboardInterrupt):
        pack.pack(pack.Target(), tmp_path / "dist", quiet)
    assert list((tmp_path / "dist").iterdir()) == []


def test_uv_is_asked_for_the_clusters_python_and_machine_and_for_hashes(tmp_path, monkeypatch):
    told = tmp_path / "told"
    seen = tmp_path / "uv"
    seen.write_text(f'#!/bin/sh\nprintf "%s\\n" "$@" > {told}\nexit 1\n')
    seen.chmod(0o755)
    monkeypatch.setattr(pack, "uv", lambda: seen)
    with pytest.raises(TrailhouseError):
        pack.pack(pack.Target("3.13", "aarch64"), tmp_path / "dist", quiet)
    asked = told.read_text().split("\n")
    assert asked[asked.index("--python-version") + 1] == "3.13"
    assert asked[asked.index("--python-platform") + 1] == "aarch64-manylinux_2_28"
    assert {"--require-hashes", "--only-binary", "--no-deps"} <= set(asked)


# ── scripts and locks ────────────────────────────────────────────────────────────────────────────────────────────────


def test_each_job_of_the_checkout_is_packed_as_it_is():
    in_checkout = {path.name: path.read_text() for path in (ROOT / "jobs").glob("*.py")}
    assert pack.scripts(pack.Target()) == in_checkout
    assert set(pack.JOBS) <= set(cli.trailhouse.commands)


@pytest.mark.parametrize(
    ("command", "code", "said"),
    [
        ("--version", 0, ""),
        ("status --lake '/no lake'", 1, "trailhouse ended with exit code 2"),
        ("status --no", 1, "exit code 2"),
    ],
)
def test_on_glue_one_parameter_is_the_command_and_a_failure_is_an_exception(tmp_path, command, code, said):
    """Glue's own arguments are there as well, before and after."""
    (tmp_path / "glue.py").write_text(pack.scripts(pack.Target(form="glue"))["glue.py"])
    ran = subprocess.run(
        [sys.executable, "glue.py", "--JOB_NAME", "nightly", "--trailhouse", command, "--JOB_RUN_ID", "jr_1"],
        cwd=tmp_path, env=os.environ | {"PYTHONPATH": str(ROOT / "jobs")}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert ran.returncode == code and said in ran.stderr, ran.stderr
    assert "trailhouse, version" in ran.stdout or code


def test_an_installed_trailhouse_packs_what_the_checkout_does(tmp_path):
    """From a wheel: the schemas, the queries and the lock are inside it."""
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", tmp_path]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True)
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as opened:
        opened.extractall(tmp_path / "installed")
    script = (
        "import hashlib, json; from trailhouse import package; "
        "print(json.dumps([(name, hashlib.sha256(text).hexdigest()) for name, text in package.whole()]))"
    )
    ran = subprocess.run([sys.executable, "-c", script], cwd=tmp_path, env={**os.environ, "PYTHONPATH": "installed"},
                         capture_output=True, text=True, check=True)  # fmt: skip
    here = [[name, hashlib.sha256(text).hexdigest()] for name, text in package.whole()]
    assert json.loads(ran.stdout) == here and len(here) > 250


# ── the native kernel ────────────────────────────────────────────────────────────────────────────────────────────────


def test_the_kernel_goes_along_where_it_is_asked_for(fetched, kernel, tmp_path):
    with_it, without = (pack.pack(pack.Target(PYTHON, native=n), tmp_path / str(n), quiet)[0] for n in (True, False))
    names = []
    for made in (with_it, without):
        with tarfile.open(made.path) as archive:
            names.append(archive.getnames())
    assert set(names[0]) - set(names[1]) == {
        f"lib/trailhouse_native{rest}" for rest in
        ("/__init__.py", "-0.1.0.dist-info/METADATA", "-0.1.0.dist-info/WHEEL", "-0.1.0.dist-info/RECORD")
    }  # fmt: skip


def test_the_kernel_is_a_wheel_for_glue(fetched, kernel, tmp_path):
    made = pack.pack(pack.Target("3.11", form="glue", native=True), tmp_path / "dist", quiet)[0]
    with zipfile.ZipFile(made.path) as archive:
        assert b"trailhouse_native==0.1.0\n" in archive.read("wheels/requirements.txt")


def test_a_kernel_of_another_machine_is_not_packed(fetched, kernel, tmp_path):
    with pytest.raises(TrailhouseError, match="Linux x86_64, and the cluster's machines are Linux aarch64"):
        pack.pack(pack.Target(PYTHON, "aarch64", native=True), tmp_path / "dist", quiet)
    assert not (tmp_path / "dist" / pack.Target(PYTHON, "aarch64").name).exists()


def test_a_kernel_that_is_not_there_is_told(fetched, kernel, tmp_path, monkeypatch):
    def nowhere(name):
        raise pack.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(pack.metadata, "distribution", nowhere)
    with pytest.raises(TrailhouseError, match="run make native"):
        pack.pack(pack.Target(PYTHON, native=True), tmp_path / "dist", quiet)
