"""The command, run in a models folder of its own."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from headgate_pipelines import cli
from headgate_pipelines.convert.photos import SAMPLES, wheel_photo

CHECKOUT = Path(__file__).parents[3]
Import = Callable[..., dict[str, Any]]


@pytest.fixture(scope="session")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sample photos, which a checkout has after setup only."""
    folder = tmp_path_factory.mktemp("photos")
    for photo in SAMPLES:
        (folder / photo.file).write_bytes(wheel_photo(photo.wheel_file).read_bytes())
    return folder


@pytest.fixture
def importing(tmp_path: Path, photos: Path, capsys: pytest.CaptureFixture[str]) -> Import:
    """Runs `import` with these options; the report, with the manifest, or with what is said of an error."""

    def run(file: Path, name: str, *options: str) -> dict[str, Any]:
        kind = [] if "--kind=tensor" in options else [f"--samples={photos}"]
        models = tmp_path / "models"
        code = cli.main(["import", str(file), "--name", name, "--models", str(models), "--json", *kind, *options])
        printed = capsys.readouterr()
        if code != 0:
            return {"error": printed.err, "left": sorted(path.name for path in models.rglob("*") if path.is_file())}
        report: dict[str, Any] = json.loads(printed.out)
        report["manifest"] = yaml.safe_load((Path(report["folder"]) / "manifest.yaml").read_text("utf-8"))
        return report

    return run
