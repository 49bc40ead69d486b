"""Damaged pictures: an answer or a clear error for each, in little memory."""

import re
import subprocess
import sys

import pytest
from building import ROOT, long


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="only Linux limits a process's data")
@pytest.mark.parametrize("cases", [1_000, long(10_000)])
def test_predict_answers_or_explains_every_damaged_picture(tmp_path, cases):
    script = ROOT / "tests" / "support" / "fuzz_predict.py"
    command = [sys.executable, "-X", "faulthandler", str(script), str(tmp_path), str(cases)]
    result = subprocess.run(command, capture_output=True, text=True)
    assert result.returncode == 0, result.stderr[-3000:]
    files, answers = map(int, re.findall(r"\d+", result.stdout))
    assert files == cases
    assert cases / 10 < answers < cases  # neither all refused nor none damaged
