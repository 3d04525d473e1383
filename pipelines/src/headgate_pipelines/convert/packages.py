"""Files of installed packages, found without importing the package."""

import importlib.util
from pathlib import Path

from headgate_pipelines.errors import PipelineError

REMEDY = "delete .venv and run npm start or npm test again"


def package_folder(name: str) -> Path:
    """Raises PipelineError with what to do where the package is not installed."""
    spec = importlib.util.find_spec(name)
    if spec is None or not spec.submodule_search_locations:
        raise PipelineError(f"the Python package {name} is not installed", REMEDY)
    return Path(spec.submodule_search_locations[0])
