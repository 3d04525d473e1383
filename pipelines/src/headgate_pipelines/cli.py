"""`headgate-pipelines COMMAND`: every stage of the model's life as a command.

A command module has `add(subparsers)`, which declares its arguments and sets `run`, a function of the parsed
arguments that returns an exit code. It is imported only when its command is used: MLflow takes seconds.
"""

import argparse
import errno
import importlib
import sys
from pathlib import Path

from headgate_pipelines.errors import NOTHING_TO_DO, PipelineError, Unavailable

# What a later try may not meet again.
DISK_FAILS = (errno.ENOSPC, errno.EDQUOT, errno.EIO)

COMMANDS = {
    "init": ("headgate_pipelines.data.init", "make a workspace"),
    "ingest": ("headgate_pipelines.data.command", "validate labelled images and pack them"),
    "train": ("headgate_pipelines.train.command", "train a head and export one ONNX graph"),
    "evaluate": (
        "headgate_pipelines.evaluate.command",
        "measure the version and compare it with the champion",
    ),
    "register": ("headgate_pipelines.registry.command", "put a version into MLflow if it is good enough"),
    "adopt": ("headgate_pipelines.registry.adopt", "put versions of a models folder into MLflow"),
    "stage": ("headgate_pipelines.deploy.stage", "deploy to staging, test, and make it the candidate"),
    "release": ("headgate_pipelines.deploy.release", "approve the candidate and follow its rollout"),
    "drift": ("headgate_pipelines.drift.command", "compare what is seen now with the reference"),
    "alert": ("headgate_pipelines.alerts", "send a message to the team"),
}


def parser_of(command: str) -> argparse.ArgumentParser:
    """The parser of one command, with `--workspace`."""
    module, what = COMMANDS[command]
    parser = argparse.ArgumentParser(prog=f"headgate-pipelines {command}", description=what)
    parser.add_argument("--workspace", type=Path, default=Path("."), help="default: current folder")
    importlib.import_module(module).add(parser)
    return parser


def usage() -> str:
    """One line per command."""
    lines = [f"  {name:<10}{what}" for name, (_, what) in COMMANDS.items()]
    return "\n".join(["usage: headgate-pipelines COMMAND [--help]", "", *lines])


def main(arguments: list[str] | None = None) -> int:
    """Runs a command; its exit code, see headgate_pipelines.errors."""
    command, *rest = arguments if arguments is not None else sys.argv[1:] or ["--help"]
    if command not in COMMANDS:
        print(usage(), file=sys.stdout if command in ("-h", "--help") else sys.stderr)
        return 0 if command in ("-h", "--help") else 1
    parsed = parser_of(command).parse_args(rest)
    # MLflow and DVC read relative paths from folders of their own.
    parsed.workspace = parsed.workspace.resolve()
    try:
        return int(parsed.run(parsed))
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
