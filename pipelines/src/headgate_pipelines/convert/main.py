"""Setup of samples and models: `python -m headgate_pipelines.convert.main --root .`

Steps in order, each skipped while what it is made from has not changed. Exit code 0, or 1 with the remedy.
"""

import argparse
import importlib
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from headgate_pipelines.convert.artefacts import inputs_digest, is_current
from headgate_pipelines.convert.packages import REMEDY
from headgate_pipelines.errors import PipelineError


@dataclass(frozen=True)
class Step:
    """One result of setup: the folder that it publishes, or None when the function itself compares.

    The function `(root, inputs digest) -> changed` is named, not imported: onnxruntime takes half a second
    that an unchanged step does not need.
    """

    label: str
    module: str
    function: str
    folder: str | None

    def run(self, root: Path, inputs: str) -> bool:
        """True when something was written."""
        if self.folder is not None and is_current(root / self.folder, inputs):
            return False
        write: Callable[[Path, str], bool] = getattr(
            importlib.import_module(f"headgate_pipelines.convert.{self.module}"), self.function
        )
        return write(root, inputs)


STEPS = (
    Step("sample photos", "samples", "copy_samples", None),
    Step("benchmark photos", "samples", "write_bench", "samples/bench"),
    Step("efficientnet-lite0/1 (fp32)", "versions", "write_fp32", "models/efficientnet-lite0/1"),
    Step("efficientnet-lite0/2 (int8)", "versions", "write_int8", "models/efficientnet-lite0/2"),
)


def run(root: Path) -> None:
    """All steps, one line each with its seconds. Raises PipelineError, ImportError or OSError."""
    inputs = inputs_digest()
    for number, step in enumerate(STEPS, start=1):
        started = time.perf_counter()
        changed = step.run(root, inputs)
        outcome = f"written in {time.perf_counter() - started:.1f} s" if changed else "unchanged"
        print(f"model [{number}/{len(STEPS)}] {step.label}: {outcome}", flush=True)


def fail(message: str, remedy: str) -> int:
    print(f"error: {message}\nremedy: {remedy}", file=sys.stderr)
    return 1


def main(arguments: list[str] | None = None) -> int:
    """The exit code."""
    parser = argparse.ArgumentParser(description="Make samples/ and models/ complete.")
    parser.add_argument("--root", type=Path, default=Path.cwd(), help="checkout (default: current folder)")
    root: Path = parser.parse_args(arguments).root.resolve()
    try:
        run(root)
    except PipelineError as error:
        return fail(error.message, error.remedy)
    except ImportError as error:
        return fail(f"a Python package is missing ({error})", REMEDY)
    except OSError as error:
        return fail(f"cannot write: {error}", f"make room in {root} and check its permissions, then try again")
    return 0


if __name__ == "__main__":
    sys.exit(main())
