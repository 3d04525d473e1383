#!/usr/bin/env python3
"""Stands in for `headgate-pipelines` and `dvc`. Records each call in $STANDIN/calls, and exits as $STANDIN says.

A file `<workspace>.<command>` there holds the exit codes of the calls to come, one a line; none is 0.
"""

import json
import os
import sys
from pathlib import Path

standin, workspace = Path(os.environ["STANDIN"]), Path.cwd()
arguments = [Path(sys.argv[0]).name, *sys.argv[1:]]
with (standin / "calls").open("a", encoding="utf-8") as calls:
    calls.write(json.dumps({"workspace": workspace.name, "arguments": arguments}) + "\n")
command = "check" if "--check" in arguments else arguments[1]
answers = standin / f"{workspace.name}.{command}"
if command == "drift":
    cooldown = workspace / ".state/drift-trigger.json"
    if not cooldown.exists():
        cooldown.parent.mkdir(exist_ok=True)
        cooldown.touch()
        cooldown.with_name("retrain").touch()
code, *later = answers.read_text("utf-8").split() if answers.exists() else ["0"]
if later:
    answers.write_text("\n".join(later), "utf-8")
print(f"{command} was called")
if arguments[0] == "dvc" and code != "0":
    print(f"ERROR: failed to reproduce 'stage': failed to run: command, exited with {code}")
    code = "255"
sys.exit(int(code))
