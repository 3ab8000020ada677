"""
Changes to rows that are there: files that give way to others, rows that go, a table as it was before.

Each goes into one commit on a branch, together with the rows that a batch appends (see `lake.commits`), so that no
reader sees one without the other.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence

from pyiceberg.exceptions import ValidationException
from pyiceberg.expressions import BooleanExpression
from pyiceberg.manifest import DataFile, ManifestFile
from pyiceberg.table import Transaction
from pyiceberg.table.snapshots import Operation, Snapshot, Summary, update_snapshot_summaries
from pyiceberg.table.update.snapshot import _FastAppendFiles

from trailhouse.errors import TrailhouseError
from trailhouse.lake.commits import Change, MainMovedError


def instead(gone: Sequence[DataFile], remains: Sequence[DataFile]) -> Change:
    """Files that give way to others, which hold the rows of them that stay."""

    def change(transaction: Transaction, branch: str, said: dict[str, str]) -> None:
        try:
            with transaction.update_snapshot(said, branch=branch).overwrite() as update:
                for file in gone:
                    update.delete_data_file(file)
                for file in remains:
                    update.append_data_file(file)
        except ValidationException as error:  # they are not there any more: another has written them again
            raise MainMovedError(transaction._table.name()[-1]) from error

    return change


def without(gone: BooleanExpression) -> Change:
    """Rows that go; a file that holds others too is written again."""

    def change(transaction: Transaction, branch: str, said: dict[str, str]) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # it warns where there is nothing to take out
            transaction.delete(gone, snapshot_properties=said, branch=branch)

    return change


def as_of(then: Snapshot) -> Change:
    """
    The table as a snapshot of it was, as a new snapshot on top of what came since.

    Main never moves back: whoever still wants to publish on what is taken back finds that main is elsewhere.
    """

    def change(transaction: Transaction, branch: str, said: dict[str, str]) -> None:
        if transaction.table_metadata.snapshot_by_id(then.snapshot_id) is None:  # its files may be deleted already
            raise TrailhouseError(f"snapshot {then.snapshot_id} was expired meanwhile: nothing was taken back")
        with _AsOf(then, transaction, said, branch):
            pass

    return change


class _AsOf(_FastAppendFiles):  # type: ignore[misc]  # PyIceberg's private classes have no types
    """An append of nothing to what another snapshot holds. PyIceberg has no public way to say it."""

    def __init__(self, then: Snapshot, transaction: Transaction, said: dict[str, str], branch: str) -> None:
        io = transaction._table.io
        super().__init__(Operation.OVERWRITE, transaction, io, snapshot_properties=said, branch=branch)
        self._then = then

    def _existing_manifests(self) -> list[ManifestFile]:
        held = self._then.manifests(self._io)
        return [manifest for manifest in held if manifest.has_added_files() or manifest.has_existing_files()]

    def _summary(self, snapshot_properties: dict[str, str] | None = None) -> Summary:
        said = Summary(operation=Operation.OVERWRITE, **(snapshot_properties or {}))
        return update_snapshot_summaries(said, self._then.summary)
