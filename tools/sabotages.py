"""
The sabotages: bugs that systems of this kind have had, each as a replacement in one file, and the tests that must see it.

`INGEST` is the way of the rows; `AUDIT` is the gate before them, which has a table of its own since it changes oftener.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Sabotage:
    """One bug. Every old text stands in the file exactly once."""

    name: str
    path: str
    edits: tuple[tuple[str, str], ...]
    tests: tuple[str, ...]

    def applied(self, source: str) -> str:
        """The source with the bug in it. Raises ValueError where it does not fit."""
        for old, new in self.edits:
            if (times := source.count(old)) != 1:
                raise ValueError(f"{self.path} has {old.strip().splitlines()[0]!r} {times} times")
            source = source.replace(old, new)
        return source


def bug(name: str, path: str, old: str, new: str, *tests: str, also: tuple[tuple[str, str], ...] = ()) -> Sabotage:
    """A sabotage with one replacement, or some."""
    return Sabotage(name, f"jobs/trailhouse/{path}", ((old, new), *also), tests)


CASES = "tests/decode/test_cases.py::test_the_outcome_is_the_pinned_one"
ONCE = "tests/ingest/test_exactly_once.py"
GATE = "tests/ingest/test_gate.py"
KILLS = "tests/ingest/test_kills.py"
PENDING = "tests/ingest/test_pending.py"
PROMISES = "tests/ingest/test_promises.py"
COMMITS = "tests/lake/test_commits.py"
READING = "tests/sources/test_faults.py"
BETWEEN = "tests/ingest/test_two_runs.py::test_another_run_comes_in_between"

DECODE = (
    bug("the last record of a file is dropped", "decode/scan.py",
        "    if last:\n        found.append(last)", "    if last:\n        pass",
        f"{CASES}[H05_many_members-strict]"),
    bug("the last record is dropped by the fast parser", "decode/parse.py",
        "return slices, rules[0].records.decode(array)", "return slices[:-1], rules[0].records.decode(array)[:-1]",
        f"{CASES}[H05_many_members-fast]"),
    bug("a quarantined record is not told", "decode/__init__.py",
        "tuple(made.rejects.get(number, ()))", "()",
        f"{CASES}[H18_event_id-fast]"),
    bug("the splitter wants a closing quote", "decode/scan.py",
        """*+)*+"?+'\n_STRUCTURE""", """*+)*+"'\n_STRUCTURE""",
        "tests/decode/test_properties.py::test_an_unterminated_string_takes_linear_time"),
    bug("the fast path hides what its parser hides", "decode/columns.py",
        "return np.asarray(given != length)", "return np.asarray(given < 0)",
        f"{CASES}[H18_event_id-fast]"),
    bug("escapes are trusted to the fast parser", "decode/parse.py",
        "if _TELLING_ESCAPE.search(data) or", "if",
        f"{CASES}[H21_key_in_subtree-fast]"),
    bug("a checksum is not looked at", "decode/inflate.py",
        "if crc != isal_zlib.crc32(content) or length != size & 0xFFFFFFFF:", "if False:",
        f"{CASES}[H04_bad_crc-fast]"),
    bug("only the first gzip member is read", "decode/inflate.py",
        "        if rest == MAGIC or rest == MAGIC[:1]:\n            continue",
        "        if rest == MAGIC or rest == MAGIC[:1]:\n            return part, False",
        f"{CASES}[H05_two_members-fast]"),
    bug("what follows the document is ignored", "decode/frame.py",
        '    if rest:\n        raise Damaged("trailing_data")', "    if rest:\n        pass",
        f"{CASES}[H06_two_documents-fast]"),
    bug("a bomb is inflated whole", "decode/inflate.py",
        "stream.decompress(view[position : position + window], limit + 1 - size)",
        "stream.decompress(view[position : position + window])",
        "tests/decode/test_properties.py::test_a_bomb_costs_no_more_memory_than_the_limit[1000]"),
    bug("a time without zone is local", "decode/times.py",
        "datetime.fromisoformat(text).timestamp()", 'datetime.fromisoformat(text.removesuffix("Z")).timestamp()',
        "tests/decode/test_times.py"),
    bug("bytes that are no text are replaced", "decode/clean.py",
        'return "".join(f"\\\\\\\\x{b:02x}" for b in error.object[error.start : error.end]), error.end',
        'return "\\ufffd", error.end',
        f"{CASES}[H24_text-fast]", "tests/decode/test_cases.py::test_every_record_is_kept_whole[H24_text-fast]"),
)  # fmt: skip

INGEST = (
    *DECODE,
    bug("the last row is not written", "ingest/task.py",
        'write.write_rows(gathered.drop_columns(["object"])',
        'write.write_rows(gathered.slice(0, gathered.num_rows - 1).drop_columns(["object"])',
        f"{ONCE}::test_what_is_delivered_again_in_every_way_is_one_row"),
    bug("a quarantined record is not counted", "ingest/task.py",
        "quarantined=0 if whole else len(account.rejects)", "quarantined=0",
        f"{PROMISES}::test_every_reason_is_a_finding"),
    bug("a transient error is taken for damage", "ingest/task.py",
        "writer.done.pending.append(PendingObject(wanted.source_id, wanted.key, got.reason, got.detail))",
        'writer.settle(wanted, "x", "", Account(0, (Reject(got.reason, None, b"", 0, ""),), 0, (), "", 0))',
        f"{PENDING}::test_an_object_that_changes_between_listing_and_reading_is_pending[removed]"),
    bug("a value is logged", "ingest/task.py",
        "        first = len(self.done.outcomes)\n        for (wanted, got), account",
        '        first = len(self.done.outcomes)\n        __import__("logging").getLogger("trailhouse.ingest").debug('
        '"rows: %s", decoded.rows["event_name"].to_pylist())\n        for (wanted, got), account',
        f"{PROMISES}::test_no_value_of_a_record_is_told"),
    bug("what conflicts is deleted", "ingest/duplicates.py",
        "(duplicates if its in forms else conflicts).append(row)", "duplicates.append(row)",
        f"{ONCE}::test_a_forged_twin_stays_beside_the_true_record_flagged"),
    bug("the same record in other words is kept twice", "ingest/duplicates.py",
        "(duplicates if its in forms else conflicts).append(row)", "conflicts.append(row)",
        f"{ONCE}::test_the_same_record_in_other_words_is_a_duplicate"),
    bug("a cursor over times", "ingest/plan.py",
        "        generations = self._generations.get(found.key, ())\n",
        "        generations = self._generations.get(found.key, ())\n"
        "        moment = found.modified.replace(tzinfo=None) if found.modified else None\n"
        "        if any(m and moment and m >= moment for g in self._generations.values() for _, _, m in g):\n"
        "            return True\n",
        f"{PROMISES}::test_a_file_that_comes_late_is_found_whatever_its_time_and_name"),
    bug("a cursor over keys", "ingest/plan.py",
        "        generations = self._generations.get(found.key, ())\n",
        '        generations = self._generations.get(found.key, ())\n'
        '        if found.key <= max(self._generations, default=""):\n            return True\n',
        f"{PROMISES}::test_a_file_that_comes_late_is_found_whatever_its_time_and_name"),
    bug("a count in place of a set difference", "ingest/plan.py",
        "if known and known.has(each):", "if known and len(known._generations) >= sum(len(g) for _, g in piece):",
        f"{PENDING}::test_a_file_replaced_after_ingest_is_a_generation_of_its_own_and_a_finding[other]"),
    bug("a key is known whatever lies there now", "ingest/plan.py",
        "        generations = self._generations.get(found.key, ())\n", "        return found.key in self._generations\n",
        f"{PENDING}::test_a_file_replaced_after_ingest_is_a_generation_of_its_own_and_a_finding[other]"),
    bug("a pending object is remembered as listed", "ingest/plan.py",
        "feeds[feed] = min(feeds.get(feed, each.log.day), each.log.day)", "pass",
        "tests/ingest/test_s3_lake.py::test_an_object_that_may_not_be_read_is_pending_until_it_may"),
    bug("work begins before the plan is written down", "ingest/run.py",
        "    plan.write_down(batch, run.config.lake)\n", "",
        "tests/ingest/test_batches.py::test_a_plan_with_generations_is_written_down_before_any_work"),
    bug("what an earlier run left is not settled", "ingest/run.py",
        "    _settle_unfinished(run, lake, result)\n", "",
        f"{KILLS}::test_killed_at_any_commit_the_next_run_ends_as_if_nothing_had_happened"),
    bug("another run's objects are published as well", "ingest/run.py",
        "        _look_who_was_faster(lake, written)\n", "",
        f"{BETWEEN}[stage-the same]", f"{BETWEEN}[events-the same]", f"{BETWEEN}[quality-the same]"),
    bug("the ledger speaks before the rows are there", "ingest/publish.py",
        "key=lambda t: stage.ORDER.index(t.table))", "key=lambda t: -stage.ORDER.index(t.table))",
        f"{PROMISES}::test_no_mark_is_set_before_what_it_speaks_of"),
    bug("a batch is marked before its commits", "ingest/publish.py",
        '    _append(lake, "batches", [_batch_row(verdict.staged, totals, "published", now)], batch_id)\n', "",
        f"{PROMISES}::test_no_mark_is_set_before_what_it_speaks_of",
        also=(("    record(lake, verdict, now)\n    for ready in sorted(",
               "    record(lake, verdict, now)\n"
               '    _append(lake, "batches", [_batch_row(verdict.staged, totals, "published", now)], batch_id)\n'
               "    for ready in sorted("),)),
    bug("the head of the branch is published", "lake/commits.py",
        "                AssertRefSnapshotId(ref=ready.branch, snapshot_id=ready.snapshot),\n", "",
        f"{GATE}::test_what_came_onto_the_branch_after_the_audit_is_not_published",
        also=(("type=SnapshotRefType.BRANCH, snapshot_id=ready.snapshot)",
               "type=SnapshotRefType.BRANCH, snapshot_id=table.metadata.refs[ready.branch].snapshot_id)"),)),
    bug("main is moved wherever it is", "lake/commits.py",
        "        if ready.base != head(table):\n", "        if False:\n",
        f"{COMMITS}::test_main_is_not_moved_over_what_another_batch_has_published",
        also=(("AssertRefSnapshotId(ref=MAIN, snapshot_id=ready.base)", "AssertRefSnapshotId(ref=MAIN, snapshot_id=head(table))"),)),
    bug("the catalog is not told where main must be", "lake/commits.py",
        "                AssertRefSnapshotId(ref=MAIN, snapshot_id=ready.base),\n", "",
        f"{COMMITS}::test_main_is_not_moved_when_it_moves_between_the_look_and_the_commit"),
    bug("files of a commit that seems to have failed are deleted", "lake/catalog.py",
        '        """Leave the file where it is."""', "        super().delete(location)",
        f"{COMMITS}::test_nothing_that_writes_can_delete"),
    bug("a batch that another run has appended is appended again", "lake/commits.py",
        "    if not published(table, mark):\n", "    if True:\n",
        f"{COMMITS}::test_a_batch_is_appended_once_under_one_mark",
        also=(("        if branch == MAIN and published(table, batch_id):\n            return  # whoever settles the same batch was faster\n",
               ""),)),
    bug("an unknown commit is tried again blindly", "lake/commits.py",
        "            if _looked(is_done):\n                return\n", "",
        f"{PROMISES}::test_a_commit_whose_answer_is_lost_is_not_made_twice",
        also=(("        if branch == MAIN and published(table, batch_id):\n            return  # whoever settles the same batch was faster\n",
               ""),)),
    bug("an unknown commit is given up as failed", "lake/commits.py",
        "        except UNSURE as unsure:\n            failure = unsure\n",
        "        except UNSURE as unsure:\n            raise TrailhouseError(str(unsure)) from unsure\n",
        f"{PROMISES}::test_a_commit_whose_answer_is_lost_is_not_made_twice"),
    bug("an error at close is swallowed", "lake/write.py",
        "        with self.io.new_output(place).create(overwrite=True) as file:",
        '        with __import__("contextlib").suppress(OSError), self.io.new_output(place).create(overwrite=True) as file:',
        f"{PROMISES}::test_a_file_that_can_not_be_closed_is_not_written"),
    bug("a file that is replaced is deleted", "ingest/rewrite.py",
        "    rows = duplicates.with_flag(rows, task.twins.conflicts, duplicates.CONFLICT)\n",
        "    rows = duplicates.with_flag(rows, task.twins.conflicts, duplicates.CONFLICT)\n"
        '    __import__("os").remove(task.twins.file.removeprefix("file://"))\n',
        f"{PROMISES}::test_a_file_that_is_written_again_stays_where_it_is"),
    bug("If-Match is left out", "sources/objects.py",
        """pinned = {"IfMatch": f'"{wanted.etag}"'} if wanted.etag else {}""", "pinned: dict[str, str] = {}",
        f"{READING}::test_an_object_is_asked_for_by_the_etag_that_was_listed"),
    bug("the answer's ETag is not looked at", "sources/objects.py",
        "        if wanted.etag and etag != wanted.etag:", "        if False:",
        f"{READING}::test_what_may_pass_is_tried_again"),
    bug("a short body is taken for the object", "sources/objects.py",
        "        if len(data) == wanted.size:", "        if True:",
        f"{READING}::test_what_may_pass_is_tried_again"),
    bug("a file that was written to is read all the same", "sources/objects.py",
        "if wanted.modified is not None and modified_at(after) != wanted.modified:", "if False:",
        f"{PENDING}::test_an_object_that_changes_between_listing_and_reading_is_pending[replaced_at_the_same_size]"),
    bug("throttling is not tried again", "sources/objects.py",
        '_PASSING = {"throttled", ', "_PASSING = {",
        f"{READING}::test_what_may_pass_is_tried_again"),
)  # fmt: skip

AUDIT = (
    bug("a refusal is no refusal", "ingest/run.py",
        "    if not verdict.broken:\n        return\n", "    return\n",
        f"{GATE}::test_accounting_that_does_not_add_up_is_refused[rows]"),
    bug("no check is critical", "ingest/values.py",
        'c for c in self.checks if c.severity == "critical" and not c.success', "c for c in self.checks if False",
        f"{GATE}::test_accounting_that_does_not_add_up_is_refused[rows]"),
    bug("an audit that looked at nothing passes", "ingest/audit.py",
        "missed = abs(staged_rows - seen.looked_at[name])", "missed = 0",
        f"{GATE}::test_an_audit_that_looked_at_nothing_or_not_at_all_of_it_refuses[not all]"),
    bug("a verdict without checks passes", "ingest/audit.py",
        "return Verdict(staged, tuple(checks), tuple(seen.twins))", "return Verdict(staged, (), tuple(seen.twins))",
        f"{ONCE}::test_two_sources_that_overlap_are_one_lake"),
    bug("a check is left out", "ingest/audit.py",
        '        critical("schema", len(malformed), f"{len(malformed)} files are not of the table\'s schema or row count"),\n', "",
        f"{ONCE}::test_two_sources_that_overlap_are_one_lake"),
    bug("the schema of files is not looked at", "ingest/audit.py",
        'critical("schema", len(malformed), ', 'critical("schema", 0, ',
        f"{GATE}::test_what_a_writer_does_wrong_is_refused[writes_another_schema-]"),
    bug("rows of another batch pass", "ingest/audit.py",
        'critical("lineage", seen.strays[name], ', 'critical("lineage", 0, ',
        f"{PROMISES}::test_rows_that_name_another_batch_are_refused"),
    bug("a file that is attached twice passes", "ingest/audit.py",
        'critical("files", twice, ', 'critical("files", 0, ',
        f"{PROMISES}::test_a_file_that_is_attached_twice_is_refused"),
    bug("the ledger is not read back", "ingest/audit.py",
        "[_accounting(outcomes, seen), _ledger(lake, staged, outcomes)]", "[_accounting(outcomes, seen)]",
        f"{PROMISES}::test_a_ledger_that_says_something_else_is_refused"),
    bug("accounting is skipped", "ingest/audit.py",
        "checks += [_accounting(outcomes, seen), _ledger(lake, staged, outcomes)]",
        "checks += [_ledger(lake, staged, outcomes)]",
        f"{GATE}::test_accounting_that_does_not_add_up_is_refused[rows]"),
    bug("accounting counts and does not compare", "ingest/audit.py",
        "if not adds_up or found != (o.rows, o.quarantined, int(o.reason is not None)):", "if not adds_up:",
        f"{GATE}::test_what_a_writer_does_wrong_is_refused"),
    bug("uniqueness is skipped", "ingest/audit.py",
        'critical("unique", doubled, ', 'critical("unique", 0, ',
        f"{GATE}::test_duplicates_that_can_not_be_taken_out_are_refused_by_unique"),
    bug("partitions are not looked at", "ingest/audit.py",
        'critical("partition", seen.misplaced[name], ', 'critical("partition", 0, ',
        f"{GATE}::test_what_a_writer_does_wrong_is_refused"),
    bug("published rows may go", "ingest/audit.py",
        'critical("no_shrink", len(lost), ', 'critical("no_shrink", 0, ',
        f"{GATE}::test_a_batch_that_takes_published_rows_away_is_refused"),
    bug("the audit is not written down", "ingest/publish.py",
        "    record(lake, verdict, now)\n    for ready in sorted(", "    for ready in sorted(",
        f"{PROMISES}::test_every_reason_is_a_finding"),
    bug("what is quarantined is no finding", "ingest/inspect.py",
        '            seen.flags["quarantine", row["reason"]] += 1\n', "",
        f"{PROMISES}::test_every_reason_is_a_finding"),
    bug("a conflict is no finding", "ingest/audit.py",
        "for (table, word), rows in sorted(seen.flags.items())",
        'for (table, word), rows in sorted(seen.flags.items()) if word != "id_conflict"',
        f"{ONCE}::test_conflicts_are_a_finding_in_the_result_and_in_quality"),
)  # fmt: skip

ALL = (*INGEST, *AUDIT)
