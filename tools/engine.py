"""
Athena's engine for the tests: Trino and its Iceberg connector, fetched by Maven, held against hashes, unpacked once.

Called by `make engine`. Trino needs a Java of its own, newer than Spark's: where there is none, `java()` says None and
the tests that want the engine say why they skip.
"""

from __future__ import annotations

import os
import re
import shutil
import sys
import tarfile
import tempfile
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT)]

from tools import setup  # noqa: E402 (the checkout's own)

VERSION = "476"
OLDEST_JAVA = 24
PARTS = {
    "trino-server-core": ("tar.gz", "0f388f9967c177ae70a47c099082fc95387f0c3cb96d8000d1d41fc3a5223158"),
    "trino-iceberg": ("zip", "99edba5b491ed94d599aeb61e0794272d3569d8b563f3bb8569e8a49daa87b6c"),
}
HOME = setup.CACHE / "trino" / VERSION

NEED_JAVA = (
    f"Trino {VERSION} needs Java {OLDEST_JAVA} or later beside Spark's, and none was found in TRAILHOUSE_TRINO_JAVA, "
    "JAVA_HOME, the path or /usr/lib/jvm: install one (Temurin 25), or name it: TRAILHOUSE_TRINO_JAVA=/path/to/jdk"
)
NEED_MAVEN = "the tests' query engine comes by Maven, which is not there: apt install maven, or brew install maven"


def main() -> None:
    if java() is None:
        if os.environ.get("CI"):
            setup.stop(NEED_JAVA)
        print(f"engine: {NEED_JAVA}; its tests will skip")
        return
    if (HOME / "bin" / "launcher").is_file():
        return
    if not shutil.which("mvn"):
        setup.stop(NEED_MAVEN)
    with setup.Told("the query engine for the tests"):
        fetch()


def java() -> Path | None:
    """The home of a Java that Trino runs on."""
    named = [os.environ.get(name) for name in ("TRAILHOUSE_TRINO_JAVA", "JAVA_HOME")]
    on_path = shutil.which("java")
    beside = sorted(Path("/usr/lib/jvm").glob("*"), reverse=True) if Path("/usr/lib/jvm").is_dir() else []
    homes = [Path(each) for each in named if each]
    homes += [Path(on_path).resolve().parent.parent] if on_path else []
    return next((home for home in [*homes, *beside] if _version(home) >= OLDEST_JAVA), None)


def _version(home: Path) -> int:
    if not (home / "bin" / "java").is_file():
        return 0
    said = setup.run_quietly([home / "bin" / "java", "-version"])
    found = re.search(r'version "(?:1\.)?([0-9]+)', said.stderr + said.stdout)
    return int(found[1]) if found else 0


def fetch() -> None:
    """Both parts, checked, into one folder that appears when it is whole."""
    HOME.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=HOME.parent) as folder:
        work = Path(folder)
        for name, (kind, digest) in PARTS.items():
            unpack(fetched(name, kind, digest, work), kind, work / "unpacked")
        server = work / "unpacked" / f"trino-server-core-{VERSION}"
        (work / "unpacked" / f"trino-iceberg-{VERSION}").rename(server / "plugin" / "iceberg")
        shutil.rmtree(HOME, ignore_errors=True)
        server.rename(HOME)


def fetched(name: str, kind: str, digest: str, work: Path) -> Path:
    artifact = f"io.trino:{name}:{VERSION}:{kind}"
    setup.run(["mvn", "-q", "-B", "dependency:copy", f"-Dartifact={artifact}", f"-DoutputDirectory={work}"])
    path = work / f"{name}-{VERSION}.{kind}"
    if setup.sha256(path) != digest:
        setup.stop(f"{path.name} is not what tools/engine.py says; nothing of it was kept")
    return path


def unpack(path: Path, kind: str, target: Path) -> None:
    if kind == "zip":
        with zipfile.ZipFile(path) as archive:
            archive.extractall(target)  # noqa: S202 (its hash is known)
        return
    with tarfile.open(path) as archive:
        archive.extractall(target, filter="data")


if __name__ == "__main__":
    main()
