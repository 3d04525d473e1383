"""perf_analyzer measures Headgate for a moment, after asking for metadata, configuration and statistics."""

import csv
import subprocess
from pathlib import Path

import pytest

LIMIT_S = 120


@pytest.mark.parametrize(("protocol", "address"), [("grpc", "inferenceGrpc")])
def test_measures_a_tensor_model(context, tmp_path, protocol, address):
    report = tmp_path / "report.csv"
    program = Path(context["pythons"]["perf-analyzer"]).parent / "perf_analyzer"
    command = [
        str(program),
        *("-m", "affine", "-u", context[address], "-i", protocol),
        *("--concurrency-range", "2", "--request-count", "50", "-f", str(report)),
    ]
    run = subprocess.run(command, capture_output=True, text=True, timeout=LIMIT_S, check=False)
    assert run.returncode == 0, run.stdout + run.stderr
    [row] = csv.DictReader(report.open())
    assert float(row["Inferences/Second"]) > 0
