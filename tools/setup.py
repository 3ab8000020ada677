"""
Set the checkout up: the locked packages, the command, Spark's jars and defaults, what tests talk to and compare with.

Called by make. Uses the standard library alone and runs on any Python 3, so that a too old one can be told so. A step
is skipped when nothing it depends on has changed. What is fetched comes through the ordinary clients of the registries
(pip and uv, Maven or Spark's own resolver, go) and is held against the hashes in the repository.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NoReturn
from xml.etree import ElementTree

ROOT = Path(__file__).resolve().parent.parent
VENV = Path(os.environ.get("TRAILHOUSE_VENV") or ROOT / ".venv")
CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "trailhouse"
STAMPS = VENV / ".trailhouse"
UV_INSTALL = [VENV / "bin" / "uv", "pip", "install", "-q", "--python", VENV / "bin" / "python"]

LOCKS = [ROOT / "requirements" / name for name in ("uv.txt", "dev.txt", "build.txt")]
AWSCLI_LOCK = ROOT / "requirements" / "awscli.txt"
AIRFLOW_LOCK = ROOT / "requirements" / "airflow.txt"
BENCH_LOCK = ROOT / "requirements" / "bench.txt"
POM = ROOT / "jars" / "pom.xml"
SUMS = ROOT / "jars" / "SHA256SUMS"
BENCH_POM, BENCH_SUMS = ROOT / "jars" / "bench.xml", ROOT / "jars" / "bench.sums"

PYTHONS = ((3, 11), (3, 12), (3, 13))
JAVAS = (17, 21)  # what Spark 4.1 runs on
S3_SERVER, S3_SERVER_VERSION = "github.com/versity/versitygw/cmd/versitygw", "v1.8.0"

NEED_PYTHON = (
    "Python 3.11, 3.12 or 3.13 is needed{found}: apt install python3 python3-venv, or brew install python@3.13; "
    "one that lies elsewhere: make setup PYTHON=/path/to/python3"
)
NEED_VENV = "this Python can't make environments ({python}): apt install python3-venv"
NEED_JAVA = (
    "Java 17 is needed{found}: apt install openjdk-17-jre-headless, or brew install openjdk@17; "
    "one that lies elsewhere: make setup JAVA_HOME=/path/to/java"
)
NEED_GO = (
    "the tests' S3 server is built with Go, which is not there: apt install golang, or brew install go; "
    "or name a versitygw that you have: make test TRAILHOUSE_VERSITYGW=/path/to/versitygw"
)
NEED_BROWSER = (
    "the tests open a page in Chromium, which is not there{why}: apt install chromium (as root, make browser does that "
    "by itself), or brew install chromium; or name one that you have: make test TRAILHOUSE_CHROMIUM=/path/to/chromium"
)
NEED_AWSCLI = "no AWS CLI: make awscli, or set TRAILHOUSE_AWSCLI"
NEED_AIRFLOW = "no Airflow: make airflow"
NEED_CONTENDERS = "no ClickHouse to measure beside: make contenders"
BROWSERS = ("chromium", "chromium-browser", "google-chrome-stable", "google-chrome")


def main() -> None:
    parser = argparse.ArgumentParser(description="Set the checkout up. Called by make.")
    parser.add_argument("what", choices=["setup", *SINGLE])
    what = parser.parse_args().what
    if what in SINGLE:
        SINGLE[what]()
        return
    java = find_java()
    environment()
    packages()
    project()
    jars(java)
    spark_defaults()


def s3_server_path() -> Path:
    """Where the tests find their S3 server."""
    named = os.environ.get("TRAILHOUSE_VERSITYGW")
    return Path(named) if named else CACHE / "versitygw" / S3_SERVER_VERSION / "versitygw"


# ── the environment ──────────────────────────────────────────────────────────────────────────────────────────────────


def environment() -> None:
    """An empty environment, unless there is one of a fitting Python."""
    if version_of(VENV / "bin" / "python") in PYTHONS and (VENV / "bin" / "pip").exists():
        return
    python = find_python()
    if run_quietly([python, "-c", "import ensurepip, venv"]).returncode:
        stop(NEED_VENV.format(python=python))
    with Told(f"an environment of {python} in {VENV}"):
        run([python, "-m", "venv", "--clear", VENV])


def packages() -> None:
    """Exactly what the lock names, each file with the hash that the lock has."""
    python = VENV / "bin" / "python"
    if done("packages", *[path.read_bytes() for path in LOCKS]):
        return
    uv_lock, dev_lock, build_lock = LOCKS
    with Told("the locked packages"):
        run([python, "-m", "pip", "install", "-q", "--disable-pip-version-check", "--require-hashes", "-r", uv_lock])
        run(
            [*UV_INSTALL, "--require-hashes", "--compile-bytecode", "--build-constraints", build_lock, "-r", dev_lock],
            UV_PYTHON_DOWNLOADS="never",
        )
    mark("packages", *[path.read_bytes() for path in LOCKS])


def project() -> None:
    """The project itself, editable, built by the backend that the lock holds and without a look at a registry."""
    inputs = [(ROOT / "pyproject.toml").read_bytes(), str(ROOT).encode()]
    if done("project", *inputs) and (VENV / "bin" / "trailhouse").is_file():
        return
    with Told("the command trailhouse"):
        run(
            [*UV_INSTALL, "--no-deps", "--no-index", "--no-build-isolation", "--reinstall", "--editable", ROOT],
            UV_PYTHON_DOWNLOADS="never",
        )
    mark("project", *inputs)


def find_python() -> str:
    """The Python that runs this, or another on the path that fits."""
    for name in [sys.executable, *(f"python3.{minor}" for _, minor in reversed(PYTHONS))]:
        path = shutil.which(name)
        if path and version_of(path) in PYTHONS:
            return path
    stop(NEED_PYTHON.format(found=f" (found {sys.version_info[0]}.{sys.version_info[1]})"))


def version_of(python) -> tuple[int, int] | None:
    try:
        said = run_quietly([python, "-c", "import sys; print(*sys.version_info[:2])"])
    except OSError:
        return None
    return tuple(int(n) for n in said.stdout.split()) if said.returncode == 0 else None


# ── Spark ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def find_java() -> Path:
    """The java that Spark will start: JAVA_HOME's, else the path's."""
    home = os.environ.get("JAVA_HOME")
    java = Path(home, "bin", "java") if home else shutil.which("java")
    if not java or not Path(java).is_file():
        stop(NEED_JAVA.format(found=f" (none in JAVA_HOME={home})" if home else " (found none)"))
    said = run_quietly([java, "-version"])
    version = re.search(r'version "(?:1\.)?([0-9]+)', said.stderr + said.stdout)
    if not version or int(version[1]) not in JAVAS:
        stop(NEED_JAVA.format(found=f" (found {version[1] if version else 'no answer'} at {java})"))
    return Path(java)


def jars(java: Path) -> None:
    """The pinned jars among Spark's own, so that Spark has them however it is started."""
    place, wanted = spark_home() / "jars", read_sums()
    inputs = [SUMS.read_bytes(), str(place).encode()]
    if done("jars", *inputs) and all((place / name).is_file() for name in wanted):
        return
    cached = jars_folder()
    if wrong_sums(cached, wanted):
        with Told("Spark's jars"):
            fetch_jars(cached, java)
        wrong = wrong_sums(cached, wanted)
        if wrong:
            shutil.rmtree(cached)
            stop(f"{', '.join(wrong)}: not what jars/SHA256SUMS says; nothing of it was kept")
    earlier = STAMPS / "placed-jars"
    for name in earlier.read_text().split() if earlier.is_file() else []:
        (place / name).unlink(missing_ok=True)
    for name in wanted:
        link_or_copy(cached / name, place / name)
    earlier.write_text("\n".join(wanted))
    mark("jars", *inputs)


def jars_folder(pom: Path = POM) -> Path:
    """Where fetched jars are kept, for whichever checkout names the same."""
    return CACHE / "jars" / hashlib.sha256(" ".join(coordinates(pom)).encode()).hexdigest()[:16]


def fetch_jars(target: Path, java: Path, pom: Path = POM) -> None:
    """By Maven; without it, or where it fails, by the resolver that comes with Spark."""
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent) as folder:
        made = Path(folder, "jars")
        made.mkdir()
        if not (shutil.which("mvn") and by_maven(made, pom)):
            by_spark(made, Path(folder), java, pom)
        shutil.rmtree(target, ignore_errors=True)
        made.rename(target)


def by_maven(target: Path, pom: Path) -> bool:
    asked = ["mvn", "-q", "-B", "-f", pom, "dependency:copy-dependencies", f"-DoutputDirectory={target}"]
    said = run_quietly(asked)
    if said.returncode:
        sys.stderr.write(f"Maven could not fetch the jars, now trying Spark's own resolver:\n{said.stdout[-2000:]}\n")
    return said.returncode == 0


def by_spark(target: Path, folder: Path, java: Path, pom: Path) -> None:
    nothing = folder / "nothing.py"
    nothing.write_text("")
    home = spark_home()
    conf = ["--conf", f"spark.jars.ivy={folder}/ivy", "--conf", f"spark.pyspark.python={VENV / 'bin' / 'python'}"]
    said = run_quietly(
        [home / "bin" / "spark-submit", "--packages", ",".join(coordinates(pom)), *conf, nothing],
        SPARK_HOME=str(home),
        JAVA_HOME=os.environ.get("JAVA_HOME") or str(java.resolve().parent.parent),
    )
    for each in coordinates(pom):
        group, artifact, version = each.split(":")
        fetched = folder / "ivy" / "jars" / f"{group}_{artifact}-{version}.jar"
        if not fetched.is_file():
            stop(f"Spark's resolver did not fetch {each}:\n{said.stderr[-3000:]}")
        fetched.rename(target / f"{artifact}-{version}.jar")


def coordinates(pom: Path = POM) -> list[str]:
    """group:artifact:version of each jar, as jars/pom.xml pins it."""
    found = ElementTree.parse(pom).getroot().iterfind("dependencies/dependency")
    return [":".join(each.findtext(part) or "" for part in ("groupId", "artifactId", "version")) for each in found]


def write_sums(pom: Path = POM, sums: Path = SUMS) -> None:
    """Pin what jars/pom.xml names now. The change is read before it is committed."""
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder, "fetched")
        fetch_jars(target, find_java(), pom)
        lines = [f"{sha256(path)}  {path.name}\n" for path in sorted(target.glob("*.jar"))]
    sums.write_text("".join(lines))


def read_sums(sums: Path = SUMS) -> dict[str, str]:
    pairs = (line.split() for line in sums.read_text().splitlines())
    return {name: digest for digest, name in pairs}


def wrong_sums(folder: Path, wanted: dict[str, str]) -> list[str]:
    return [n for n, digest in wanted.items() if not (folder / n).is_file() or sha256(folder / n) != digest]


def spark_defaults() -> None:
    """What Spark reads itself, so that a plain spark-submit works: no flags, no activated environment."""
    home = spark_home()
    write(home / "conf" / "spark-defaults.conf", DEFAULTS.format(python=VENV / "bin" / "python"))
    write(home / "conf" / "log4j2.properties", LOGGING)
    script = VENV / "bin" / "find-spark-home"
    write(script, FIND_SPARK_HOME.format(home=home))
    script.chmod(0o755)


def spark_home() -> Path:
    return next(VENV.glob("lib/python3*/site-packages/pyspark"))


DEFAULTS = """\
# Written by `make setup`. What is given to spark-submit or set by a session wins over it.
spark.pyspark.python               {python}
spark.driver.memory                1g
spark.driver.host                  127.0.0.1
spark.driver.bindAddress           127.0.0.1
spark.ui.enabled                   false
spark.ui.showConsoleProgress       false
spark.sql.session.timeZone         UTC
"""

LOGGING = """\
# Written by `make setup`. Errors only: a command's own messages are what a person reads.
rootLogger.level = error
rootLogger.appenderRef.stderr.ref = stderr
# A session that Python starts takes the gateway for a shell, and a shell announces its level where it is another.
logger.gateway.name = org.apache.spark.api.python.PythonGatewayServer
logger.gateway.level = error

appender.stderr.type = Console
appender.stderr.name = stderr
appender.stderr.target = SYSTEM_ERR
appender.stderr.layout.type = PatternLayout
appender.stderr.layout.pattern = %d{yyyy-MM-dd HH:mm:ss} %p %c{1}: %m%n%ex
"""

FIND_SPARK_HOME = """\
#!/usr/bin/env bash
# Written by `make setup`. The script that came with Spark asks whichever python3 is first on the path, which knows
# nothing of this environment unless it is activated.
export SPARK_HOME="${{SPARK_HOME:-{home}}}"
"""


# ── the tests' S3 server ─────────────────────────────────────────────────────────────────────────────────────────────


def s3_server() -> None:
    """versitygw, built by go, which checks it against the public checksum database."""
    path = s3_server_path()
    if path.is_file():
        return
    if os.environ.get("TRAILHOUSE_VERSITYGW"):
        stop(f"there is no {path}, which TRAILHOUSE_VERSITYGW names")
    if not shutil.which("go"):
        stop(NEED_GO)
    with Told("the S3 server for the tests"):
        run(["go", "install", f"{S3_SERVER}@{S3_SERVER_VERSION}"], GOBIN=str(path.parent), GOFLAGS="-mod=mod")


# ── the tests' browser ───────────────────────────────────────────────────────────────────────────────────────────────


def browser_path() -> Path | None:
    """The Chromium that the tests start: the one that is named, else the system's."""
    named = os.environ.get("TRAILHOUSE_CHROMIUM")
    found = named or next((path for path in map(shutil.which, BROWSERS) if path), None)
    return Path(found) if found else None


def browser() -> None:
    """The system's own package, which brings what it needs; playwright drives it and downloads none."""
    path = browser_path()
    if path and path.is_file():
        return
    if path:
        stop(f"there is no {path}, which TRAILHOUSE_CHROMIUM names")
    if not shutil.which("apt-get"):
        stop(NEED_BROWSER.format(why=", and there is no apt-get to install it with"))
    if os.geteuid():
        stop(NEED_BROWSER.format(why=", and only root may install it"))
    with Told("a browser for the tests"):
        for asked in (["update", "-qq"], ["install", "-y", "-qq", "--no-install-recommends", "chromium"]):
            said = run_quietly(["apt-get", *asked], DEBIAN_FRONTEND="noninteractive")
            if said.returncode:
                sys.stderr.write(said.stderr[-2000:])
                stop(NEED_BROWSER.format(why=f", and apt-get {asked[0]} failed"))
    if not browser_path():
        stop(NEED_BROWSER.format(why=", even after apt-get install chromium"))


# ── what has an environment of its own: the AWS CLI that the tests compare with, the Airflow that runs the DAGs, the
# contenders that the bench measures beside ────────────────────────────────────────────────────────────────────────────


def awscli_path() -> Path:
    """Where the tests find the AWS CLI: the one that is named, else ours."""
    named = os.environ.get("TRAILHOUSE_AWSCLI")
    return Path(named) if named else apart("awscli", AWSCLI_LOCK) / "bin" / "aws"


def awscli() -> None:
    """Exactly what its lock names."""
    path = awscli_path()
    if not path.is_file() and os.environ.get("TRAILHOUSE_AWSCLI"):
        stop(f"there is no {path}, which TRAILHOUSE_AWSCLI names")
    if not path.is_file():
        make_apart(path.parent.parent, AWSCLI_LOCK, "the AWS CLI for the tests")


def airflow_path() -> Path:
    """Where the tests find Airflow."""
    return apart("airflow", AIRFLOW_LOCK) / "bin" / "airflow"


def airflow() -> None:
    """Exactly what its lock names. Its commands start others by name, and find them where it lies."""
    if not airflow_path().is_file():
        make_apart(airflow_path().parent.parent, AIRFLOW_LOCK, "the Airflow for the tests")


def contenders_path() -> Path:
    """The Python of what the bench measures beside and that is no requirement of ours."""
    return apart("contenders", BENCH_LOCK) / "bin" / "python"


def contenders() -> None:
    """Exactly what its lock names, and the jar that the bench's Spark job has beside Spark."""
    if not contenders_path().is_file():
        make_apart(contenders_path().parent.parent, BENCH_LOCK, "the contenders of the bench")
    fetched_jars(BENCH_POM, BENCH_SUMS)


def fetched_jars(pom: Path, sums: Path) -> list[Path]:
    """The jars that a pom names, fetched unless they are there, each what its sum says."""
    folder, wanted = jars_folder(pom), read_sums(sums)
    if wrong_sums(folder, wanted):
        with Told(f"the jars of {pom.name}"):
            fetch_jars(folder, find_java(), pom)
        wrong = wrong_sums(folder, wanted)
        if wrong:
            shutil.rmtree(folder)
            stop(f"{', '.join(wrong)}: not what {sums.relative_to(ROOT)} says; nothing of it was kept")
    return [folder / name for name in wanted]


def apart(name: str, lock: Path) -> Path:
    """An environment whose requirements are not the project's. It stands on the Python that it was made with."""
    return CACHE / name / fingerprint([lock.read_bytes(), sys.base_prefix.encode()])[:16]


def make_apart(home: Path, lock: Path, what: str) -> None:
    """In a folder that appears when it is whole."""
    home.parent.mkdir(parents=True, exist_ok=True)
    with Told(what), tempfile.TemporaryDirectory(dir=home.parent) as folder:
        made, uv = Path(folder, "made"), VENV / "bin" / "uv"
        run([uv, "venv", "-q", "--relocatable", "--python", sys.executable, made], UV_PYTHON_DOWNLOADS="never")
        install = [uv, "pip", "install", "-q", "--python", made / "bin" / "python", "--compile-bytecode", "--no-build"]
        run([*install, "--require-hashes", "-r", lock], UV_PYTHON_DOWNLOADS="never")
        shutil.rmtree(home, ignore_errors=True)
        made.rename(home)


# ── small things ─────────────────────────────────────────────────────────────────────────────────────────────────────


class Told:
    """Says what takes a while, and how long it took."""

    def __init__(self, what: str) -> None:
        self.what = what

    def __enter__(self) -> None:
        self.began = time.monotonic()
        print(f"setup: {self.what} …", flush=True)

    def __exit__(self, kind, *_) -> None:
        if kind is None:
            print(f"setup: {self.what}: {time.monotonic() - self.began:.0f} s", flush=True)


def done(step: str, *inputs: bytes) -> bool:
    stamp = STAMPS / step
    return stamp.is_file() and stamp.read_text() == fingerprint(inputs)


def mark(step: str, *inputs: bytes) -> None:
    write(STAMPS / step, fingerprint(inputs))


def fingerprint(inputs) -> str:
    return hashlib.sha256(b"\0".join(inputs)).hexdigest()


def write(path: Path, text: str) -> None:
    """A new file in the old one's place: package managers link files, and the others must not change with ours."""
    if path.is_file() and path.read_text() == text:
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_name(path.name + ".new")
    fresh.write_text(text)
    fresh.replace(path)


def link_or_copy(source: Path, target: Path) -> None:
    target.unlink(missing_ok=True)
    try:
        os.link(source, target)
    except OSError:  # another file system
        shutil.copyfile(source, target)


def sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        for block in iter(lambda: file.read(2**20), b""):
            digest.update(block)
    return digest.hexdigest()


def run(command, **env: str) -> None:
    """A command that must succeed; what it says is shown."""
    failed = subprocess.run([str(each) for each in command], env={**os.environ, **env}).returncode
    if failed:
        stop(f"failed: {' '.join(str(each) for each in command)}")


def run_quietly(command, **env: str):
    command = [str(each) for each in command]
    return subprocess.run(command, env={**os.environ, **env}, capture_output=True, encoding="utf-8", errors="replace")


def stop(why: str) -> NoReturn:
    sys.exit(f"setup: {why}")


SINGLE = {
    "s3server": s3_server,
    "browser": browser,
    "awscli": awscli,
    "airflow": airflow,
    "contenders": contenders,
    "sums": write_sums,
}

if __name__ == "__main__":
    main()
