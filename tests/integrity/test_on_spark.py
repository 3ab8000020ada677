"""Spark's workers read what this process would have read, to the same verdicts and the same evidence."""

from __future__ import annotations

from tests.integrity.tamperings import tampered
from tests.integrity.verifying import keys_of, proof_of, wrong
from trailhouse import __version__, settings
from trailhouse.integrity import evidence, job


def test_many_files_are_read_by_workers_and_few_are_not(spark, tmp_path, monkeypatch):
    vault, _ = tampered("log_record_changed")
    source = settings.Source(url=str(vault.save(tmp_path / "logs")), copy_of=vault.bucket)
    monkeypatch.setattr(job, "TASK_FILES", 4)  # several tasks
    ran = []
    run = job.session.run
    monkeypatch.setattr(job.session, "run", lambda *given: ran.append(given[3]) or run(*given))
    made = []
    for name, session in (("workers", spark), ("alone", None)):
        lake = settings.Lake(str(tmp_path / name), catalog_uri=str(tmp_path / name / "catalog.sqlite"))
        proof = proof_of(lake, source, keys=keys_of(vault, tmp_path), session=session)
        assert [line.partition(":")[0] for line in wrong(proof)] == ["invalid (hash)"]
        made.append(evidence.text(evidence.evidence(proof, __version__)))
    assert ran == ["verify digests", "verify logs"]
    assert made[0] == made[1]
