"""
The native kernel: a wheel of exactly the crates that native/crates.txt names, installed beside the other packages.

Called by `make native` and, to pin the crates anew, by `make lock`. Nothing else needs it: decode has a Python path.
The lock that cargo works with names its registry in each entry, which no file of the repository does: it is made anew
for each build, and held against native/crates.txt.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT)]

from tools import setup  # noqa: E402 (the checkout's own)

SOURCE = ROOT / "native"
CRATES = SOURCE / "crates.txt"
MATURIN_LOCK = ROOT / "requirements" / "native.txt"
WORK = setup.CACHE / "native"
ITSELF = "trailhouse-native"

HEAD = "# The crates that the native kernel is built of: name, version, SHA-256. Written by `make lock`.\n"
NEED_CARGO = (
    "the native kernel is built with Rust 1.87 or later, which is not there: brew install rust, rustup, or apt install "
    "cargo where that is new enough. Everything works without the kernel; only decoding is slower"
)

Crates = dict[tuple[str, str], str]  # name and version -> SHA-256


def main() -> None:
    parser = argparse.ArgumentParser(description="Build the native kernel. Called by make.")
    parser.add_argument("what", choices=["build", "lock"])
    parser.add_argument("--upgrade", action="store_true", help="with lock: take newer crates where there are some")
    given = parser.parse_args()
    if not shutil.which("cargo"):
        setup.stop(NEED_CARGO)
    if given.what == "lock":
        CRATES.write_text(written(locked({} if given.upgrade else read_crates())))
    else:
        build()


def build() -> None:
    """A wheel of the sources as they are now, installed."""
    inputs = [*(path.read_bytes() for path in sources()), MATURIN_LOCK.read_bytes(), CRATES.read_bytes()]
    if setup.done("native", *inputs) and installed():
        return
    maturin = setup.apart("maturin", MATURIN_LOCK)
    if not (maturin / "bin" / "maturin").is_file():
        setup.make_apart(maturin, MATURIN_LOCK, "what builds the native kernel")
    wanted = read_crates()
    if found := difference(wanted, locked(wanted)):
        setup.stop(f"crates are not what native/crates.txt says: {found}; make lock pins them anew")
    with setup.Told("the native kernel"), tempfile.TemporaryDirectory(dir=WORK) as folder:
        install(wheel(maturin / "bin" / "maturin", Path(folder)))
    setup.mark("native", *inputs)


def installed() -> bool:
    """Whether it is in the environment: somebody may have taken it out."""
    return any(setup.VENV.glob("lib/python*/site-packages/trailhouse_native/*.so"))


def sources() -> list[Path]:
    return [SOURCE / "Cargo.toml", *sorted((SOURCE / "src").glob("*.rs"))]


def wheel(maturin: Path, folder: Path) -> Path:
    """The wheel, made in the folder; it fits every Python from 3.11 on."""
    setup.run(
        [maturin, "build", "-q", "--release", "--locked", "-m", copied() / "Cargo.toml", "-o", folder],
        CARGO_TARGET_DIR=str(WORK / "target"),
        PYO3_PYTHON=str(setup.VENV / "bin" / "python"),
    )
    (made,) = folder.glob("*.whl")
    return made


def install(made: Path) -> None:
    install = [*setup.UV_INSTALL, "--no-deps", "--no-index", "--reinstall", made]
    setup.run(install, UV_PYTHON_DOWNLOADS="never")


def copied() -> Path:
    """A copy of the sources, where cargo may leave its lock."""
    place = WORK / "source"
    (place / "src").mkdir(parents=True, exist_ok=True)
    for path in (place / "src").glob("*.rs"):
        path.unlink()
    for path in sources():
        shutil.copyfile(path, place / path.relative_to(SOURCE))
    return place


# ── crates ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def locked(wanted: Crates) -> Crates:
    """What cargo's own lock comes to hold, brought to the wanted versions where it can be."""
    lock = copied() / "Cargo.lock"
    lock.unlink(missing_ok=True)
    run_cargo("generate-lockfile")
    for name, version in wanted:
        if stray := next((v for n, v in read_lock(lock) if n == name and (n, v) not in wanted), None):
            run_cargo("update", f"{name}@{stray}", "--precise", version)
    return read_lock(lock)


def run_cargo(*command: str) -> None:
    said = setup.run_quietly(["cargo", command[0], "--manifest-path", WORK / "source" / "Cargo.toml", *command[1:]])
    if said.returncode:
        setup.stop(f"cargo {' '.join(command)} failed: {said.stderr[-2000:]}")


def read_lock(lock: Path) -> Crates:
    packages = tomllib.loads(lock.read_text())["package"]
    return {(p["name"], p["version"]): p.get("checksum", "") for p in packages if p["name"] != ITSELF}


def read_crates(path: Path = CRATES) -> Crates:
    lines = path.read_text().splitlines() if path.is_file() else []
    split = (line.split() for line in lines if line and not line.startswith("#"))
    return {(name, version): digest for name, version, digest in split}


def written(crates: Crates) -> str:
    return HEAD + "".join(f"{name} {version} {digest}\n" for (name, version), digest in sorted(crates.items()))


def difference(wanted: Crates, found: Crates) -> str:
    """What one of them has and the other has not, in words."""
    missing, extra = (
        {" ".join(each) for each, _ in a.items() - b.items()} for a, b in ((wanted, found), (found, wanted))
    )
    said = [("not what it was", missing & extra), ("missing", missing - extra), ("not named there", extra - missing)]
    return "; ".join(f"{', '.join(sorted(names))} {words}" for words, names in said if names)


if __name__ == "__main__":
    main()
