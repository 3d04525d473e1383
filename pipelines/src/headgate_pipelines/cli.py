"""`headgate-pipelines COMMAND`: every stage of the model's life as a command.

A command's module has `run`, a function of the parsed arguments that returns an exit code. It is imported last, because
MLflow and scikit-learn take seconds: arguments, params.yaml, keys and MLflow's answer are checked before.
"""

import argparse
import errno
import importlib
import sys
from keyword import iskeyword
from pathlib import Path
from typing import NoReturn

from headgate_pipelines import arguments
from headgate_pipelines.errors import NOTHING_TO_DO, PipelineError, Unavailable
from headgate_pipelines.progress import waiting
from headgate_pipelines.settings import read_settings

# Disk errors that may be gone at the next try.
DISK_FAILS = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO)

# Module, description, and what is checked first: params.yaml, MLflow, key files of the settings.
COMMANDS = {
    "init": ("data.init", "make a workspace", ()),
    "ingest": ("data.ingest", "validate labelled images and pack them", ("params",)),
    "train": ("train.command", "train a head and export one ONNX graph", ("params",)),
    "evaluate": (
        "evaluate.command",
        "measure the version and compare it with the champion",
        ("params", "mlflow"),
    ),
    "register": ("registry.command", "put a version into MLflow if it is good enough", ("params", "mlflow")),
    "adopt": ("registry.adopt", "put versions of a models folder into MLflow", ("mlflow",)),
    "stage": (
        "deploy.stage",
        "deploy to staging, test, and make it the candidate",
        ("params", "admin_key_file", "tester_key_file", "mlflow"),
    ),
    "release": (
        "deploy.release",
        "approve the candidate and follow its rollout",
        ("params", "admin_key_file", "mlflow"),
    ),
    "drift": (
        "drift.command",
        "compare what is seen now with the reference",
        ("params", "admin_key_file", "mlflow"),
    ),
    "import": ("importer.command", "make a served version of any ONNX file", ()),
    "alert": ("alerts", "send a message to the team", ()),
}


class Parser(argparse.ArgumentParser):
    """Its errors are ours: argparse itself ends with 2, which means that a rule says no."""

    def error(self, message: str) -> NoReturn:
        """Names the options that there are."""
        raise PipelineError(message, " ".join(self.format_usage().split()[1:]))


def parser_of(command: str) -> Parser:
    """The parser of one command, with `--workspace`."""
    parser = Parser(prog=f"headgate-pipelines {command}", description=COMMANDS[command][1])
    parser.add_argument("--workspace", type=Path, metavar="DIR", default=Path("."), help="default: current folder")
    getattr(arguments, f"{command}_" if iskeyword(command) else command)(parser)
    return parser


def check(command: str, given: argparse.Namespace) -> None:
    """Raises PipelineError for what would stop the command only after its imports."""
    settings = read_settings()
    for needed in COMMANDS[command][2]:
        if needed == "params":
            if not getattr(given, "data", None):  # from which `train` makes the workspace
                from headgate_pipelines.params import read_params

                read_params(given.workspace / "params.yaml")
        elif needed == "mlflow":
            if command != "evaluate" or given.champion is None:
                from headgate_pipelines.registry.reach import reach

                reach(settings.mlflow_url)
        else:
            settings.secret(needed)


def usage() -> str:
    """One line per command."""
    lines = [f"  {name:<10}{what}" for name, (_, what, _) in COMMANDS.items()]
    return "\n".join(["usage: headgate-pipelines COMMAND [--help]", "", *lines])


def run(command: str, rest: list[str]) -> int:
    """Raises as the command."""
    given = parser_of(command).parse_args(rest)
    # MLflow and DVC read relative paths from folders of their own.
    given.workspace = given.workspace.resolve()
    check(command, given)
    with waiting(f"{command}: loading libraries"):
        module = importlib.import_module(f"headgate_pipelines.{COMMANDS[command][0]}")
    return int(module.run(given))


def main(argv: list[str] | None = None) -> int:
    """Runs a command; its exit code, see headgate_pipelines.errors."""
    command, *rest = argv if argv is not None else sys.argv[1:] or ["--help"]
    if command not in COMMANDS:
        print(usage(), file=sys.stdout if command in ("-h", "--help") else sys.stderr)
        return 0 if command in ("-h", "--help") else 1
    try:
        return run(command, rest)
    except PipelineError as error:
        print(f"{'nothing to do' if error.exit_code == NOTHING_TO_DO else 'error'}: {error.message}", file=sys.stderr)
        if error.remedy:
            print(f"remedy: {error.remedy}", file=sys.stderr)
        return error.exit_code
    except OSError as error:
        print(f"error: {error}", file=sys.stderr)
        if error.errno not in DISK_FAILS:
            return PipelineError.exit_code
        print("remedy: make room on the disk, then run the command again", file=sys.stderr)
        return Unavailable.exit_code
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main())
