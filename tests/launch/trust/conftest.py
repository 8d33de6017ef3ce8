from pathlib import Path

import pytest

from resume.system.user_key import KEY_VARIABLE


@pytest.fixture(autouse=True)
def _in_a_folder_with_a_module_that_must_not_be_imported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in ("RANK", "LOCAL_RANK", "SLURM_PROCID", "SLURM_RESTART_COUNT", "RESUME_DECISION"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv(KEY_VARIABLE, str(tmp_path / "home" / "signing.key"))
    Path("evil.py").write_text("raise SystemExit('imported')\n", encoding="utf-8")
    Path("third").mkdir()
    Path("third/__init__.py").write_text("raise SystemExit('imported')\n", encoding="utf-8")
    Path("third/party.py").write_text("raise SystemExit('imported')\n", encoding="utf-8")
