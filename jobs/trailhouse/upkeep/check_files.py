"""
What lies in the lake's folders, by listing them, against what its metadata and its seals say must lie there.

A file that nobody tells of was left by a run that was killed, or tried something again, where a run was on its way when
it was written; any other is extra.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from trailhouse import settings
from trailhouse.lake import catalog, listing, seals
from trailhouse.lake.failures import UNSURE
from trailhouse.lake.files import Seal
from trailhouse.lake.listing import Stored
from trailhouse.upkeep.check_tables import Seen
from trailhouse.upkeep.damage import CHANGED, EXTRA, LEFTOVER, MISSING, UNCHECKED, UNSEALED, Finding

LONGEST = timedelta(days=1)  # that a run of which nothing more was heard may have been on its way

WHAT = "file of a run"
_JUDGED_ELSEWHERE = ("listing", "maintain", seals.FOLDER)  # written over by runs; and judged by what they hold

_SEALS = re.compile(r"[0-9]{8}T[0-9]{12}_[0-9a-f]{8}(\.begun|\.json\.gz)|newest\.json")


@dataclass
class Folders:
    """Every file of the lake, as listed."""

    there: dict[str, Stored] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)
    listed: list[str] = field(default_factory=list)
    unlisted: list[str] = field(default_factory=list)  # folders that could not be

    def lacks(self, path: str) -> bool:
        """Whether a file would have been listed, and was not."""
        return path not in self.there and any(path.startswith(f"{folder}/") for folder in self.listed)

    def hides(self, path: str) -> bool:
        """Whether it lies where nothing was looked for, and nothing is told of that yet."""
        return not any(path.startswith(f"{folder}/") for folder in (*self.listed, *self.unlisted))


class Spans:
    """When runs were on their way, by the store's clock: since they said that they began until they were sealed."""

    def __init__(self, there: Iterable[Stored]) -> None:
        begun: dict[str, datetime] = {}
        ended: dict[str, datetime] = {}
        for each in there:
            name = each.path.rpartition("/")[2]
            if name.endswith(seals.BEGUN):
                begun[name.removesuffix(seals.BEGUN)] = each.modified
            elif name.endswith(seals.ENDED):
                ended[name.removesuffix(seals.ENDED)] = each.modified
        # Before anybody said so: a lake of an older release.
        first = min(begun.values(), default=datetime.max.replace(tzinfo=UTC))
        spans = [(datetime.min.replace(tzinfo=UTC), first)]
        spans += [(since, ended.get(name, since + LONGEST)) for name, since in begun.items()]
        self._since, self._until = _merged(sorted(spans))

    def cover(self, when: datetime) -> bool:
        """Whether some run was on its way."""
        at = bisect_right(self._since, when) - 1
        return at >= 0 and when <= self._until[at]


def _merged(spans: list[tuple[datetime, datetime]]) -> tuple[list[datetime], list[datetime]]:
    """Of spans that overlap, one, so that the last that began before a time tells."""
    since, until = [spans[0][0]], [spans[0][1]]
    for begin, end in spans[1:]:
        if begin <= until[-1]:
            until[-1] = max(until[-1], end)
        else:
            since.append(begin)
            until.append(end)
    return since, until


def listed(folders: Iterable[str]) -> Folders:
    """List them all, in this order."""
    found = Folders()
    for folder in folders:
        try:
            found.there |= {each.path: each for each in listing.listed(folder)}
            found.listed.append(folder)
        except (*UNSURE, ValueError) as error:  # damaged metadata may name what no folder can be called
            found.unlisted.append(folder)
            said = " ".join(str(error).split())[:300]
            found.findings.append(Finding(UNCHECKED, "folder", "", folder, "to be listed", said))
    return found


def folder_of(seen: Seen) -> str:
    """Where a table lies; the folder of its metadata's folder where nothing else can be said."""
    return seen.table.metadata.location if seen.table else seen.pointer.rpartition("/")[0].rpartition("/")[0]


def of_runs(where: settings.Lake, found: Folders) -> Seen:
    """What runs have left beside the tables, such as plans and pages, as if it were a table."""
    own = f"{catalog.own_folder(where)}/"
    others = tuple(f"{own}{name}/" for name in _JUDGED_ELSEWHERE)
    files_of = [path for path in found.there if path.startswith(own) and not path.startswith(others)]
    return Seen("", "", files=dict.fromkeys(files_of, (WHAT, None)))


def compare(
    where: settings.Lake, tables: Iterable[Seen], found: Folders, sealed: Mapping[str, Seal]
) -> Iterator[Finding]:
    """What is missing, of another size, or there without a reason."""
    own = catalog.own_folder(where)
    spans = Spans(each for path, each in found.there.items() if path.startswith(f"{seals.folder(where)}/"))
    told: set[str] = set()
    for seen in tables:
        told |= seen.files.keys()
        for path, (what, size) in seen.files.items():
            seal = sealed.get(path)
            yield from _one(path, what, seen.name, size if seal is None else seal.size, found)
        # What a file that can't be read told of is nobody's now, and no damage of its own.
        told |= set() if seen.whole else {path for path in found.there if path.startswith(f"{folder_of(seen)}/")}
    for path, seal in sealed.items():
        if path.startswith(f"{own}/"):
            yield from _one(path, WHAT, "", seal.size, found)
    for path, each in found.there.items():
        if path not in told:
            yield from _untold(each, own, path in sealed, spans)


def _one(path: str, what: str, table: str, size: int | None, found: Folders) -> Iterator[Finding]:
    there = found.there.get(path)
    expected = "a file" if size is None else f"{size} bytes"
    if found.lacks(path):
        yield Finding(MISSING, what, table, path, expected, "nothing")
    elif found.hides(path):
        yield Finding(UNCHECKED, what, table, path, expected, "a place outside of the table's folder")
    elif there and size is not None and there.size != size:
        yield Finding(CHANGED, what, table, path, expected, f"{there.size} bytes")


def _untold(each: Stored, own: str, is_sealed: bool, spans: Spans) -> Iterator[Finding]:
    """A file that no table tells of."""
    path, explained = each.path, is_sealed or spans.cover(each.modified)
    size = f"{each.size} bytes of {each.modified:%Y-%m-%d %H:%M:%S}"
    if not path.startswith(f"{own}/"):
        yield Finding(LEFTOVER if explained else EXTRA, "file", "", path, "nothing", size)
        return
    folder, _, name = path.removeprefix(f"{own}/").partition("/")
    if folder in _JUDGED_ELSEWHERE and (folder != seals.FOLDER or _SEALS.fullmatch(name)):
        return
    if not explained:
        yield Finding(EXTRA, WHAT, "", path, "nothing", size)
    elif not is_sealed:
        yield Finding(UNSEALED, WHAT, "", path, "a seal", "none")
