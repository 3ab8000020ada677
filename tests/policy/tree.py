"""The repository as the policy tests see it: its files, its modules, and what each module imports."""

from __future__ import annotations

import ast
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
JOBS = ROOT / "jobs"


@dataclass(frozen=True)
class Import:
    """One imported module, or attribute of one: "pyspark.sql.SparkSession", "trailhouse.lake.schema"."""

    what: str
    inside: bool  # a function, where it costs nothing until it is called
    typing: bool  # under TYPE_CHECKING, where it never runs


@cache
def files() -> list[Path]:
    """What is in the repository, or would be with the next commit."""
    listed = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    return [path for name in listed.stdout.splitlines() if (path := ROOT / name).is_file()]


@cache
def modules() -> dict[str, Path]:
    """Name within the package ("lake.schema", "decode", "cli"; the package itself is "") -> its file."""
    found = {}
    for path in sorted((JOBS / "trailhouse").rglob("*.py")):
        parts = path.relative_to(JOBS / "trailhouse").with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


def imports(source: str) -> Iterator[Import]:
    """What a module's source imports, wherever it does."""
    yield from _imports(ast.parse(source), inside=False, typing=False)


def _imports(node: ast.AST, inside: bool, typing: bool) -> Iterator[Import]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Import):
            yield from (Import(alias.name, inside, typing) for alias in child.names)
        elif isinstance(child, ast.ImportFrom):
            yield from (Import(f"{child.module}.{alias.name}", inside, typing) for alias in child.names)
        else:
            yield from _imports(
                child,
                inside or isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda),
                typing or (isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test)),
            )


def own(what: str) -> str | None:
    """The module of ours that an import means ("lake.schema"), "" for the package itself, None for anything else."""
    first, _, rest = what.partition(".")
    if first != "trailhouse":
        return None
    return rest if rest in modules() else rest.rpartition(".")[0]


def is_in(name: str, place: str) -> bool:
    """Whether a module is this one, or lies in this folder."""
    return name == place or name.startswith(place + ".")
