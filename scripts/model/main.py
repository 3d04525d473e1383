"""Setup of samples and models: `python scripts/model/main.py --root .`

Steps in order, each skipped while what it is made from has not changed. Exit code 0, or 1 with the remedy.
"""

import argparse
import importlib
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

Write = Callable[[Path, str], bool]

REMEDY = "python3 -m venv .venv && .venv/bin/pip install --no-compile -r scripts/model/requirements.txt"


@dataclass(frozen=True)
class Step:
    """A function `(root, inputs digest) -> changed`, by name, and the folder that it completes."""

    label: str
    module: str
    function: str
    folder: str

    def write(self) -> Write:
        """Imports the module only now: onnxruntime takes half a second that an unchanged step does not need."""
        function: Write = getattr(importlib.import_module(self.module), self.function)
        return function


STEPS = (
    Step("sample photos", "samples", "write_samples", "samples"),
    Step("efficientnet-lite0/1 (fp32)", "versions", "write_fp32", "models/efficientnet-lite0/1"),
    Step("efficientnet-lite0/2 (int8)", "versions", "write_int8", "models/efficientnet-lite0/2"),
)


def is_done(root: Path, step: Step, inputs: str) -> bool:
    """Whether a model step has nothing to do; sample photos are compared by the step itself."""
    from artefacts import is_current

    return step.folder.startswith("models/") and is_current(root / step.folder, inputs)


def run(root: Path) -> None:
    """All steps, one line each with its seconds."""
    from artefacts import inputs_digest

    inputs = inputs_digest()
    for number, step in enumerate(STEPS, start=1):
        started = time.perf_counter()
        head = f"model [{number}/{len(STEPS)}] {step.label}"
        changed = not is_done(root, step, inputs) and step.write()(root, inputs)
        seconds = time.perf_counter() - started
        print(f"{head}: {f'written in {seconds:.1f} s' if changed else 'unchanged'}", flush=True)


def main() -> int:
    parser = argparse.ArgumentParser(description="Make samples/ and models/ complete.")
    parser.add_argument("--root", type=Path, default=Path.cwd(), help="checkout (default: current folder)")
    root = parser.parse_args().root.resolve()
    if sys.version_info < (3, 10):
        print(f"error: Python {sys.version.split()[0]} is too old\nremedy: use Python 3.10 or newer", file=sys.stderr)
        return 1
    from errors import SetupError

    try:
        run(root)
    except SetupError as error:
        print(f"error: {error.message}\nremedy: {error.remedy}", file=sys.stderr)
        return 1
    except ImportError as error:
        print(f"error: a Python package is missing ({error})\nremedy: {REMEDY}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
