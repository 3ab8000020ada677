"""
What a cluster needs: Trailhouse with its packages, as an archive that runs where it is unpacked, or as Glue's wheels.

Fetches packages by uv, as the lock pins them, for the cluster's Python and machine, which need not be this one's; the
native kernel of decode comes from this machine, where it was built.
Brings no Spark and no jars: the cluster has them. Knows nothing of where a cluster is (see docs/deploy.md).
"""

from __future__ import annotations

import base64
import csv
import gzip
import hashlib
import io
import platform
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Literal

from trailhouse import __version__, package
from trailhouse.errors import TrailhouseError

Form = Literal["archive", "glue"]
PYTHONS = ("3.11", "3.12", "3.13")
PLATFORMS = ("x86_64", "aarch64")

# What is asked of a system's C library: Amazon Linux 2023, Debian 12 and whatever is as new have it.
LIBC = "manylinux_2_28"

# The commands that a cluster may run, each with a script to hand to spark-submit.
JOBS = (
    *(
        "check",
        "coverage",
        "doctor",
        "ingest",
        "lake-queries",
        "maintain",
        "publish",
        "quarantine",
        "redecode",
        "report",
    ),
    *("rollback", "sample", "settle", "sql", "status", "upgrade", "verify"),
)

# The environment's `python`: the host's own, which finds the packages beside it wherever that is.
PYTHON = """\
#!/bin/sh
# Python {python} with Trailhouse's packages. TRAILHOUSE_PYTHON names the host's interpreter where it isn't on the path.
self=$(readlink -f -- "$0" 2>/dev/null || echo "$0")
here=$(CDPATH= cd -- "$(dirname -- "$self")/.." && pwd -P) || exit 1
PYTHONPATH="$here/lib${{PYTHONPATH:+:$PYTHONPATH}}"
export PYTHONPATH
found=$(command -v -- "${{TRAILHOUSE_PYTHON:-python{python}}}") || {{
  echo "trailhouse: there is no ${{TRAILHOUSE_PYTHON:-python{python}}} on this machine: install Python {python}," \\
    "name it in TRAILHOUSE_PYTHON, or pack for the Python that is there (trailhouse pack --python)" >&2
  exit 127
}}
exec "$found" "$@"
"""

JOB = '''"""`spark-submit jobs/{file}.py …`: the command `trailhouse {name}`, from a checkout."""

import sys

from trailhouse.cli import main

main(["{name}", *sys.argv[1:]])
'''

# Glue hands a script arguments of its own beside the job's, so that ours come as one; and it takes an exception, not an
# exit code, for a failure.
GLUE_JOB = '''"""The command that the job's parameter --trailhouse gives, on AWS Glue: "ingest --config s3://…"."""

import shlex
import sys

from trailhouse.cli import main

try:
    main(shlex.split(sys.argv[sys.argv.index("--trailhouse") + 1]))
except SystemExit as ended:
    if ended.code:
        raise RuntimeError(f"trailhouse ended with exit code {ended.code}: see its own message above") from ended
'''

# What an installer leaves for itself: of no use where nobody installs. The last names the folder that it was built in.
_LEFT_OUT = {"INSTALLER", "REQUESTED", "direct_url.json", "uv_cache.json", "trailhouse-native.cyclonedx.json"}
_NO_MODULES = {"bin", "etc", "include", "share"}  # what a package brings for a whole system

NO_UV = "packages come by uv, which is not there: install it (python3 -m pip install uv), then run again"

KERNEL = "trailhouse-native"
NO_KERNEL = "no native kernel is installed here: run make native in a checkout, or pack without --native"
OTHER_KERNEL = (
    "the native kernel that is installed here runs on {here}, and the cluster's machines are Linux {there}: pack on "
    "such a machine, or without --native"
)


@dataclass(frozen=True, slots=True)
class Target:
    """The machines that it is for."""

    python: str = "3.11"
    platform: str = "x86_64"
    form: Form = "archive"
    native: bool = False  # with the native kernel

    @property
    def name(self) -> str:
        """What the archive is called."""
        of = f"{__version__}-py{self.python.replace('.', '')}-{self.platform}"
        return f"trailhouse-env-{of}.tar.gz" if self.form == "archive" else f"trailhouse-{of}.gluewheels.zip"


@dataclass(frozen=True, slots=True)
class Made:
    """A file that was made."""

    path: Path
    size: int
    sha256: str


def packages() -> int:
    """How many packages the lock names; some are for other machines."""
    return len(re.findall(r"^[a-z0-9._-]+==", package.lock(), re.MULTILINE))


def uv() -> Path:
    """The program that fetches packages: beside this Python, else on the path."""
    beside = Path(sys.executable).with_name("uv")
    found = str(beside) if beside.is_file() else shutil.which("uv")
    if not found:
        raise TrailhouseError(NO_UV)
    return Path(found)


def pack(target: Target, out: Path, tell: Callable[[str], None]) -> list[Made]:
    """Make the archive and the scripts; each file appears when it is whole."""
    program = uv()
    try:
        out.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=out, prefix=".trailhouse-") as folder:
            library, made = Path(folder, "lib"), Path(folder, target.name)
            tell(f"fetching packages for Python {target.python} on {target.platform} …")
            _fetch(program, target, library)
            if target.native:
                _bring_kernel(target, library)
            tell(f"writing {target.name} …")
            (_write_archive if target.form == "archive" else _write_wheels)(target, library, made)
            made.replace(out / target.name)
        (out / "jobs").mkdir(exist_ok=True)
        for name, text in scripts(target).items():
            (out / "jobs" / name).write_text(text, "utf-8")
    except OSError as error:
        raise TrailhouseError(f"can't write to {out}: {error.strerror or error}: make room, or name another") from error
    return [_made(out / target.name), *(_made(out / "jobs" / name) for name in scripts(target))]


def scripts(target: Target) -> dict[str, str]:
    """What spark-submit or Glue is given to run, by its file's name."""
    if target.form == "glue":
        return {"glue.py": GLUE_JOB}
    files = {name: name.replace("-", "_") for name in JOBS}
    return {f"{file}.py": JOB.format(name=name, file=file) for name, file in files.items()}


def _made(path: Path) -> Made:
    with path.open("rb") as file:
        return Made(path, path.stat().st_size, hashlib.file_digest(file, "sha256").hexdigest())


def _fetch(program: Path, target: Target, library: Path) -> None:
    """The locked packages, each held against its hashes. To a person uv shows itself how far it is."""
    watched = sys.stderr.isatty()
    lock = library.with_name("run.txt")
    lock.write_text(package.lock(), "utf-8")
    asked = [
        *(str(program), "pip", "install", "--no-python-downloads"),
        *(() if watched else ("--no-progress", "--quiet")),
        *("--python", sys.executable, "--python-version", target.python),
        *("--python-platform", f"{target.platform}-{LIBC}", "--only-binary", ":all:"),
        *("--require-hashes", "--no-deps", "--target", str(library), "-r", str(lock)),
    ]
    pipe = None if watched else subprocess.PIPE
    said = subprocess.run(asked, stdout=pipe, stderr=pipe, encoding="utf-8", errors="replace", check=False)  # noqa: S603
    if said.returncode:
        why = " ".join((said.stderr or "see above").split())[-1500:]
        raise TrailhouseError(
            f"uv could not fetch the packages: {why}. Check the network, and the index that uv asks (its settings), "
            "then run again; what was fetched is kept"
        )


def _bring_kernel(target: Target, library: Path) -> None:
    """The native kernel as it is installed here: for any Python, on machines like this one."""
    here = f"{platform.system()} {platform.machine()}"
    if here != f"Linux {target.platform}":
        raise TrailhouseError(OTHER_KERNEL.format(here=here, there=target.platform))
    try:
        kernel = metadata.distribution(KERNEL)
    except metadata.PackageNotFoundError:
        raise TrailhouseError(NO_KERNEL) from None
    for file in kernel.files or ():
        if _belongs(file.as_posix()):
            (library / file).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(str(file.locate()), library / file)


# ── an archive ───────────────────────────────────────────────────────────────────────────────────────────────────────


def _write_archive(target: Target, library: Path, made: Path) -> None:
    """The same bytes for the same packages: in order, of no time and of no owner."""
    python = PYTHON.format(python=target.python).encode()
    with (
        made.open("wb") as file,
        gzip.GzipFile("", "wb", 6, file, mtime=0) as zipped,
        tarfile.open(fileobj=zipped, mode="w", format=tarfile.PAX_FORMAT) as archive,
    ):
        _add(archive, "bin/python", python, 0o755)
        for name, path in sorted(_installed(library)):
            _add(archive, f"lib/{name}", _said(name, path.read_bytes()), 0o644)
        for name, content in package.whole():
            _add(archive, f"lib/{name}", content, 0o644)


def _add(archive: tarfile.TarFile, name: str, content: bytes, mode: int) -> None:
    entry = tarfile.TarInfo(name)
    entry.size, entry.mode = len(content), mode
    archive.addfile(entry, io.BytesIO(content))


def _installed(library: Path) -> Iterator[tuple[str, Path]]:
    """Files of the packages. No byte code: it would be of this Python, and saves a worker a third of a second once."""
    for path in library.rglob("*"):
        below = path.relative_to(library)
        if path.is_file() and _belongs(below.as_posix()):
            yield below.as_posix(), path


def _said(name: str, content: bytes) -> bytes:
    """A file as it is packed: a record tells of what is here alone, and not of programs, which name a Python."""
    if not name.endswith(".dist-info/RECORD"):
        return content
    kept = io.StringIO()
    rows = csv.reader(io.StringIO(content.decode(), newline=""))
    csv.writer(kept, lineterminator="\n").writerows(row for row in rows if row and _belongs(row[0]))
    return kept.getvalue().encode()


def _belongs(name: str) -> bool:
    first, _, rest = name.partition("/")
    return (
        not first.startswith((".", "_virtualenv"))
        and not (rest and first in _NO_MODULES)
        and not name.endswith(".pyc")
        and not (".dist-info/" in name and name.rpartition("/")[2] in _LEFT_OUT)
    )


# ── wheels ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def _write_wheels(target: Target, library: Path, made: Path) -> None:
    """A folder `wheels` in a zip, with a requirements.txt, as AWS Glue documents it."""
    names = []
    with zipfile.ZipFile(made, "w", zipfile.ZIP_STORED) as archive:
        for told in sorted(library.glob("*.dist-info")):
            names.append("==".join(told.name.removesuffix(".dist-info").rsplit("-", 1)))
            _store(archive, f"wheels/{_wheel_name(told)}", _wheel(_recorded(library, told)))
        names.append(f"trailhouse=={__version__}")
        _store(archive, f"wheels/trailhouse-{__version__}-py3-none-any.whl", _wheel(_own_wheel(target)))
        _store(archive, "wheels/requirements.txt", "".join(f"{name}\n" for name in names).encode())


def _wheel_name(told: Path) -> str:
    """Of a package's own account of itself, which says what it runs on."""
    tags = re.findall(r"^Tag: *([^-\s]+)-([^-\s]+)-(\S+)", (told / "WHEEL").read_text("utf-8"), re.MULTILINE)
    parts = [".".join(dict.fromkeys(tag[n] for tag in tags)) for n in range(3)]
    return f"{told.name.removesuffix('.dist-info')}-{'-'.join(parts)}.whl"


def _recorded(library: Path, told: Path) -> Iterator[tuple[str, bytes]]:
    """A package's files, as it records them."""
    with (told / "RECORD").open(encoding="utf-8", newline="") as record:
        for name, *_ in csv.reader(record):
            if not name.startswith("..") and _belongs(name) and not name.endswith("/RECORD"):
                yield name, (library / name).read_bytes()


def _own_wheel(target: Target) -> Iterator[tuple[str, bytes]]:
    """Trailhouse itself."""
    about = f"trailhouse-{__version__}.dist-info"
    yield from package.whole()
    yield f"{about}/METADATA", f"Metadata-Version: 2.1\nName: trailhouse\nVersion: {__version__}\n".encode()
    yield f"{about}/WHEEL", b"Wheel-Version: 1.0\nGenerator: trailhouse\nRoot-Is-Purelib: true\nTag: py3-none-any\n"


def _wheel(contents: Iterable[tuple[str, bytes]]) -> bytes:
    """A wheel of these files, with a record of its own."""
    made, lines = io.BytesIO(), io.StringIO()
    record, about = csv.writer(lines, lineterminator="\n"), ""
    with zipfile.ZipFile(made, "w") as archive:
        for name, content in sorted(contents):
            about = name.partition("/")[0] if name.endswith(".dist-info/METADATA") else about
            digest = hashlib.sha256(content).digest()
            record.writerow((name, f"sha256={_urlsafe(digest)}", len(content)))
            _store(archive, name, content, zipfile.ZIP_DEFLATED)
        record.writerow((f"{about}/RECORD", "", ""))
        _store(archive, f"{about}/RECORD", lines.getvalue().encode())
    return made.getvalue()


def _urlsafe(digest: bytes) -> str:
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


def _store(archive: zipfile.ZipFile, name: str, content: bytes, how: int = zipfile.ZIP_STORED) -> None:
    entry = zipfile.ZipInfo(name)  # of 1980, the first time that a zip knows
    entry.compress_type, entry.external_attr = how, 0o644 << 16
    archive.writestr(entry, content)
