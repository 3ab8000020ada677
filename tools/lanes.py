"""
Two lanes of Spark for the tests of a cluster: bare ones, as a cluster has them, with Iceberg's jars beside them.

Called by `make cluster`. A lane is a folder with nothing but pyspark, and another with jars; both come through the
ordinary clients and are held against hashes, and lie in the cache, where the next set-up finds them.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT)]

from tools import setup  # noqa: E402 (the checkout's own)


@dataclass(frozen=True)
class Lane:
    """A release of Spark, and the Iceberg that its users read lakes with."""

    name: str
    lock: Path
    pom: Path
    sums: Path

    @property
    def home(self) -> Path:
        """SPARK_HOME: pyspark as it is installed, and nothing beside it."""
        made_of = setup.fingerprint([self.lock.read_bytes(), sys.base_prefix.encode()])[:16]
        return setup.CACHE / "spark" / f"{self.name}-{made_of}" / "pyspark"

    @property
    def jars(self) -> Path:
        return setup.jars_folder(self.pom)


LANES = {
    lane.name: lane
    for lane in (
        Lane("4.1", ROOT / "requirements" / "spark41.txt", setup.POM, setup.SUMS),
        Lane(
            "3.5", ROOT / "requirements" / "spark35.txt", ROOT / "jars" / "spark35.xml", ROOT / "jars" / "spark35.sums"
        ),
    )
}
NEED_PYTHON = "Spark 3.5 runs on Python 3.11 or 3.12, and this is {}: make setup PYTHON=python3.11"


def main() -> None:
    parser = argparse.ArgumentParser(description="Set up the Sparks that the tests of a cluster run on.")
    parser.add_argument("what", choices=["setup", "sums", "pytest"])
    parser.add_argument("arguments", nargs="*", help="what pytest is given, to run on the second lane")
    asked, more = parser.parse_known_args()
    if asked.what == "sums":
        write_sums(LANES["3.5"])
        return
    if asked.what == "pytest":
        sys.exit(pytest(LANES["3.5"], [*asked.arguments, *more]))
    if sys.version_info[:2] not in ((3, 11), (3, 12)):
        setup.stop(NEED_PYTHON.format(".".join(map(str, sys.version_info[:2]))))
    for lane in LANES.values():
        spark(lane)
        setup.fetched_jars(f"Iceberg's jars for Spark {lane.name}", lane.pom, lane.sums)


def spark(lane: Lane) -> None:
    """A folder that appears when it is whole."""
    place = lane.home.parent
    if (lane.home / "bin" / "spark-class").is_file():
        return
    place.parent.mkdir(parents=True, exist_ok=True)
    with setup.Told(f"Spark {lane.name}, bare"), tempfile.TemporaryDirectory(dir=place.parent) as folder:
        made = Path(folder, "made")
        asked = [setup.VENV / "bin" / "uv", "pip", "install", "-q", "--python", sys.executable, "--target", made]
        built = ["--build-constraints", ROOT / "requirements" / "build.txt"]
        setup.run([*asked, "--require-hashes", *built, "-r", lane.lock], UV_PYTHON_DOWNLOADS="never")
        shutil.rmtree(place, ignore_errors=True)
        made.rename(place)


def pytest(lane: Lane, arguments: list[str]) -> int:
    """The tests on another Spark than the environment's: Python finds it first, and it finds its jars and defaults."""
    with tempfile.TemporaryDirectory() as folder:
        jars = ",".join(str(path) for path in sorted(lane.jars.glob("*.jar")))
        defaults = setup.DEFAULTS.format(python=sys.executable)
        Path(folder, "spark-defaults.conf").write_text(f"{defaults}spark.jars {jars}\n")
        Path(folder, "log4j2.properties").write_text(setup.LOGGING)
        path = [str(lane.home.parent), *filter(None, [os.environ.get("PYTHONPATH")])]
        spark = {"SPARK_HOME": str(lane.home), "SPARK_CONF_DIR": folder, "PYTHONPATH": os.pathsep.join(path)}
        # What that release itself does is not ours to mend.
        command = [sys.executable, "-m", "pytest", "-W", "ignore:distutils Version:DeprecationWarning", *arguments]
        return subprocess.run(command, env={**os.environ, **spark}).returncode


def write_sums(lane: Lane) -> None:
    """Pin what the lane's pom names now. The change is read before it is committed."""
    setup.write_sums(lane.pom, lane.sums)


if __name__ == "__main__":
    main()
