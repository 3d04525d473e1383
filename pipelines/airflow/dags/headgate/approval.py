"""A person approves the candidate, in Airflow or in Headgate's console: the first answer counts."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from airflow.providers.standard.operators.hitl import ApprovalOperator
from airflow.sdk import Context
from airflow.sdk.exceptions import AirflowException, AirflowFailException, AirflowSkipException, TaskAwaitingInput

from headgate.command import NOTHING_TO_DO, REFUSED, follow, send_alert, start


class Approval(ApprovalOperator):
    """Asks whether the staged version may be rolled out, and skips what follows if not.

    Waits without a process. Every `poll` a short one looks whether the console has the answer; without any within
    `wait`, the answer is no.

    Args:
        workspace: `stage` has written its reports/staging.json.
    """

    def __init__(self, *, workspace: Path, wait: timedelta, poll: timedelta, **kwargs: Any) -> None:
        # Not `execution_timeout`, which ends the task before it waits. No `defaults` either: the scheduler would
        # answer with them at the first poll.
        super().__init__(subject=f"Roll out the candidate of {workspace.name}?", response_timeout=poll, **kwargs)
        self.workspace = workspace
        self.wait = wait

    def execute(self, context: Context) -> dict[str, str]:
        """Returns at once if the console has the answer; else asks, and Airflow calls `execute_complete` later."""
        staging = json.loads((self.workspace / "reports/staging.json").read_text("utf-8"))
        version = staging["version"]
        if self.approved_elsewhere(version):
            return {"version": version, "why": ""}
        tests = [f"- {test['name']}: {test['problem'] or 'passed'}" for test in staging["tests"]]
        self.body = "\n".join([f"Version {version} runs in staging and gets no traffic.", "", *tests])
        try:
            super().execute(context)
        except TaskAwaitingInput as parked:
            # What the person saw is what is rolled out, whatever is staged in the meantime.
            parked.kwargs = {"version": version}
            raise
        raise AirflowException("this Airflow does not park tasks that wait for a person: use 3.3 or later")

    def execute_complete(self, context: Context, event: dict[str, Any], version: str = "") -> dict[str, str]:
        """After an answer, and after each poll. Returns the version and who approved it."""
        if event.get("error_type") == "timeout":
            if self.approved_elsewhere(version):
                return {"version": version, "why": ""}
            if datetime.now(UTC) < context["ti"].start_date + self.wait:
                raise TaskAwaitingInput(
                    method_name="execute_complete", kwargs={"version": version}, timeout=self.response_timeout
                )
            event = {"chosen_options": [self.REJECT], "responded_at": datetime.now(UTC), "responded_by_user": None}
        person = (event["responded_by_user"] or {}).get("name", "nobody in time")
        why = f"{event['chosen_options'][0].lower()} by {person} in Airflow"
        if event["chosen_options"] == [self.REJECT]:
            code = self.release(version, "--rejected", "--why", why)
            if code not in (0, NOTHING_TO_DO):
                raise AirflowFailException(f"{why}, and nothing was rolled out; control still has the candidate")
            if code == 0 and not event["responded_by_user"]:
                task = context["ti"]
                send_alert(f"{task.dag_id}: version {version} was rejected", f"{why}: {task.log_url}")
        # Ends the task here after a rejection, and skips what follows.
        super().execute_complete(context, {"params_input": {}, **event})
        return {"version": version, "why": why}

    def approved_elsewhere(self, version: str) -> bool:
        """Whether the console approved. Skips the task if it rejected. False while control does not answer."""
        code = self.release(version, "--check")
        if code == REFUSED:
            raise AirflowSkipException(f"version {version} was rejected in the console")
        return code == 0

    def release(self, version: str, *arguments: str) -> int:
        """Runs `headgate-pipelines release`; its exit code."""
        process = start(self.workspace, ["headgate-pipelines", "release", "--version", version, *arguments])
        return follow(process, self.log.info)[0]
