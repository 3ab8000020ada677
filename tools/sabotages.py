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


FASTER = """        if branch == MAIN and published(table, notes[BATCH]):
            return  # whoever settles the same batch was faster
"""
CASES = "tests/decode/test_cases.py::test_the_outcome_is_the_pinned_one"
ONCE = "tests/ingest/test_exactly_once.py"
GATE = "tests/ingest/test_gate.py"
ASIDE = "tests/ingest/test_quarantine_gate.py"
QUALITY = "tests/ingest/test_quality.py"
BATCHES = "tests/upkeep/test_batches.py"
ROWS = "tests/upkeep/test_batch_rows.py"
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
        '    _tell(lake, _batch_row(verdict, totals, "published", now) | {"reason": reason or None}, _noted(verdict))\n',
        "",
        f"{PROMISES}::test_no_mark_is_set_before_what_it_speaks_of",
        also=(("        record(lake, verdict, now)\n    for ready in sorted(",
               "        record(lake, verdict, now)\n"
               '    _tell(lake, _batch_row(verdict, totals, "published", now) | {"reason": reason or None})\n'
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
    bug("files of a commit that seems to have failed are deleted", "lake/files.py",
        '        """Leave the file where it is."""', "        super().delete(location)",
        f"{COMMITS}::test_nothing_that_writes_can_delete"),
    bug("a batch that another run has appended is appended again", "lake/commits.py",
        "    if not published(table, notes[BATCH]):\n", "    if True:\n",
        f"{COMMITS}::test_a_batch_is_appended_once_under_one_mark",
        also=((FASTER, ""),)),
    bug("an unknown commit is tried again blindly", "lake/commits.py",
        "            if _looked(is_done):\n                return\n", "",
        f"{PROMISES}::test_a_commit_whose_answer_is_lost_is_not_made_twice",
        also=((FASTER, ""),)),
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
        "if not verdict.passed and not (wish.reason and", "if False and not (wish.reason and",
        f"{GATE}::test_accounting_that_does_not_add_up_is_refused[rows]",
        also=(("publish.publish(lake, verdict, totals, run.clock(), wish.reason)",
               'publish.publish(lake, verdict, totals, run.clock(), "never mind")'),)),
    bug("a batch is published without a proof", "ingest/publish.py",
        "    if not verdict.passed and not reason:", "    if False:",
        f"{QUALITY}::test_a_verdict_without_checks_is_not_published"),
    bug("no check is critical", "ingest/values.py",
        'c for c in self.checks if c.severity == "critical" and not c.success', "c for c in self.checks if False",
        f"{GATE}::test_accounting_that_does_not_add_up_is_refused[rows]"),
    bug("an empty suite passes", "ingest/audit.py",
        'bool(asked) and not missing, told, missing', "not missing, told, missing",
        f"{QUALITY}::test_an_empty_suite_is_no_pass"),
    bug("an expectation is left out of the suite", "ingest/audit.py",
        "expectations=[_expectation(gx, each) for each in asked]", "expectations=[_expectation(gx, each) for each in asked[1:]]",
        f"{QUALITY}::test_an_ordinary_batch_has_no_findings"),
    bug("what was not judged is not missed", "ingest/audit.py",
        "missing = len(asked) - len(checks)", "missing = 0",
        f"{QUALITY}::test_an_expectation_that_raises_is_no_pass"),
    bug("an expectation that raised has passed", "ingest/audit.py",
        "told.setdefault(each.expectation_config.meta[\"id\"], []).append(bool(each.success) if sound else None)",
        "told.setdefault(each.expectation_config.meta[\"id\"], []).append(bool(each.success) if sound else True)",
        f"{QUALITY}::test_an_expectation_of_an_unknown_kind_is_no_pass"),
    bug("an engine that breaks down is a pass", "ingest/audit.py",
        "return answers[0] if answers else ({}, {})", "return answers[0] if answers else ({each.id: True for each in asked}, {})",
        f"{QUALITY}::test_an_engine_that_breaks_down_is_no_pass"),
    bug("a user's critical expectation only warns", "ingest/audit.py",
        "Wanted(e.table, e.name, e.severity, e.max_share, e.doc)", 'Wanted(e.table, e.name, "warning", e.max_share, e.doc)',
        f"{QUALITY}::test_a_rule_that_rows_break_refuses_when_critical_and_the_mended_batch_passes"),
    bug("what a record says can stop a batch", "ingest/audit.py",
        'Wanted(g.table, g.name, "warning", 0,', 'Wanted(g.table, g.name, "critical", 0,',
        f"{QUALITY}::test_what_a_record_says_only_warns"),
    bug("an audit that looked at nothing passes", "ingest/measure.py",
        "missed = abs(staged_rows - seen.looked_at[name])", "missed = 0",
        f"{GATE}::test_an_audit_that_looked_at_nothing_or_not_at_all_of_it_refuses[not all]"),
    bug("the schema of files is not looked at", "ingest/measure.py",
        'gauge("schema", malformed, ', 'gauge("schema", 0, ',
        f"{GATE}::test_what_a_writer_does_wrong_is_refused[writes_another_schema-]"),
    bug("a damaged file fails every run", "lake/readback.py",
        "    try:\n        return read(write.in_memory(data))\n    except MemoryError:\n        raise\n    except _FAILS:\n        return None",
        "    return read(write.in_memory(data))",
        "tests/lake/test_readback.py::test_a_damaged_file_is_none[truncated]"),
    bug("what a store does is taken for damage", "lake/readback.py",
        "        data = _bytes(path, io)  # raises where it is the store", "        data = None",
        "tests/lake/test_readback.py::test_what_the_store_does_is_raised_and_passes"),
    bug("pages have no checksums", "lake/write.py",
        '"write_page_checksum": True', '"write_page_checksum": False',
        "tests/lake/test_readback.py::test_whatever_bytes_turn_over_nothing_is_raised_and_no_value_changes"),
    bug("checksums of pages are not looked at", "lake/write.py",
        "    return pq.ParquetFile(file._path, filesystem=file._filesystem, page_checksum_verification=True)",
        "    return pq.ParquetFile(file._path, filesystem=file._filesystem)",
        "tests/lake/test_readback.py::test_whatever_bytes_turn_over_nothing_is_raised_and_no_value_changes"),
    bug("rows of another batch pass", "ingest/measure.py",
        'gauge("lineage", seen.strays[name], ', 'gauge("lineage", 0, ',
        f"{PROMISES}::test_rows_that_name_another_batch_are_refused"),
    bug("quarantined rows of another batch pass", "ingest/inspect.py",
        'seen.strays["quarantine"] += strange', "pass",
        f"{ASIDE}::test_what_is_done_to_the_quarantine_is_refused[names_another_batch-checks0]"),
    bug("a quarantined record that is told twice passes", "ingest/inspect.py",
        "twice = places.total() - len(places)", "twice = 0",
        f"{ASIDE}::test_what_is_done_to_the_quarantine_is_refused[tells_one_twice_and_another_not-checks2]"),
    bug("the bytes of the quarantine are not compared", "ingest/inspect.py",
        'seen.spoiled["quarantine"] += not _is_what_came(row)', "pass",
        f"{ASIDE}::test_what_is_done_to_the_quarantine_is_refused[changes-checks6]"),
    bug("bytes of the quarantine may be gone", "ingest/inspect.py",
        "return len(raw) == min(int(size), ", "return len(raw) <= min(int(size), ",
        f"{ASIDE}::test_what_is_done_to_the_quarantine_is_refused[empties-checks3]"),
    bug("a file that is attached twice passes", "ingest/measure.py",
        'gauge("files", twice, ', 'gauge("files", 0, ',
        f"{PROMISES}::test_a_file_that_is_attached_twice_is_refused"),
    bug("the ledger is not read back", "ingest/audit.py",
        '    "ledger": "The ledger\'s rows say what became of the objects.",\n', "",
        f"{PROMISES}::test_a_ledger_that_says_something_else_is_refused"),
    bug("accounting is skipped", "ingest/audit.py",
        '    "accounting": "Of every object: records = rows + duplicates + quarantined, and the tables hold them.",\n', "",
        f"{GATE}::test_accounting_that_does_not_add_up_is_refused[rows]"),
    bug("accounting counts and does not compare", "ingest/measure.py",
        "if not adds_up or found != (o.rows, o.quarantined, int(o.reason is not None)):", "if not adds_up:",
        f"{GATE}::test_what_a_writer_does_wrong_is_refused"),
    bug("uniqueness is skipped", "ingest/measure.py",
        'gauge("unique", doubled, ', 'gauge("unique", 0, ',
        f"{GATE}::test_duplicates_that_can_not_be_taken_out_are_refused_by_unique"),
    bug("partitions are not looked at", "ingest/measure.py",
        'gauge("partition", misplaced, ', 'gauge("partition", 0, ',
        f"{GATE}::test_what_a_writer_does_wrong_is_refused"),
    bug("published rows may go", "ingest/measure.py",
        'gauge("no_shrink", lost, ', 'gauge("no_shrink", 0, ',
        f"{GATE}::test_a_batch_that_takes_published_rows_away_is_refused"),
    bug("rows that break a rule are not counted", "ingest/rules.py",
        "    broken = ~_holds(rows, expectation.rule)", "    broken = ~_holds(rows, expectation.rule) & False",
        f"{QUALITY}::test_the_same_rule_only_warns_as_a_warning"),
    bug("a value of a record is told", "ingest/measure.py",
        'return _share(each.table, each.name, f"rows break {each.rule.column} {each.rule.kind}", rows, of)',
        'return _share(each.table, each.name, f"rows break {sorted(seen.counts)} {sorted(seen.flags)} canary-4711", rows, of)',
        f"{QUALITY}::test_data_docs_are_kept_for_each_batch_with_no_value_of_a_record"),
    bug("the days before are forgotten", "ingest/publish.py",
        "return {DAYS: json.dumps(", "return {DAYS[:-1]: json.dumps(",
        f"{QUALITY}::test_a_day_far_from_the_days_before_it_is_a_finding"),
    bug("the audit is not written down", "ingest/publish.py",
        "        record(lake, verdict, now)\n    for ready in sorted(", "        pass\n    for ready in sorted(",
        f"{PROMISES}::test_every_reason_is_a_finding"),
    bug("what is quarantined is no finding", "ingest/inspect.py",
        '            seen.flags["quarantine", row["reason"]] += 1\n', "",
        f"{PROMISES}::test_every_reason_is_a_finding"),
    bug("a conflict is no finding", "ingest/measure.py",
        "    for (table, word), rows in sorted(seen.flags.items()):\n",
        '    for (table, word), rows in sorted(seen.flags.items()):\n        if word == "id_conflict":\n            continue\n',
        f"{ONCE}::test_conflicts_are_a_finding_in_the_result_and_in_quality"),
    bug("a held batch's objects are read again", "ingest/publish.py",
        '    _append(lake, "ledger", told, _held(batch_id))\n', "",
        f"{GATE}::test_accounting_that_does_not_add_up_is_refused[rows]"),
    bug("a released batch's held rows stay in the ledger", "ingest/publish.py",
        "    if commits.published(table, _held(batch_id)):", "    if False:",
        f"{BATCHES}::test_a_released_batch_is_published_with_the_reason"),
    bug("a release needs no force", "ingest/audit.py",
        "return not verdict.checks or any(check.name in _OWN for check in verdict.broken)", "return False",
        f"{BATCHES}::test_what_breaks_the_lake_itself_is_released_by_force_alone"),
    bug("a refusal's command does not know the user's rules", "ingest/refusal.py",
        'own = config.quality.expectations if expectation else ""', 'own = ""',
        f"{ROWS}::test_the_command_that_ingest_prints_works_as_it_stands"),
    bug("a refusal's command is not quoted", "ingest/refusal.py",
        "return shlex.join([", 'return " ".join([',
        f"{ROWS}::test_the_command_that_ingest_prints_works_as_it_stands"),
    bug("a name that nothing has shows no rows", "upkeep/batches.py",
        "        _check_name(lake, batch_id, table, name, expectations)\n", "        pass\n",
        f"{ROWS}::test_names_that_nothing_has_are_refused_with_those_that_are_known"),
    bug("a batch that is reopened has no mark", "ingest/publish.py",
        '    commits.mark_unsettled(lake, "batches", batch_id)\n', "",
        f"{BATCHES}::test_a_release_killed_at_any_commit_is_brought_to_its_end"),
)  # fmt: skip

ALL = (*INGEST, *AUDIT)
