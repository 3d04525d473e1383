"""Runs a local Airflow with Headgate's DAGs until Ctrl-C: scheduler, DAG processor and API server, on SQLite.

For development and tests; the chart runs Airflow in a cluster. The user is `admin`, the password in the file
`passwords.json` of `--home`.
"""

import argparse
import os
import secrets
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

HERE = Path(__file__).resolve().parent
PARTS = (["scheduler", "--skip-serve-logs"], ["dag-processor"], ["api-server"])
STOP_S = 20


def environment(home: Path, port: int) -> dict[str, str]:
    """Airflow's settings; those that the caller has set come first."""
    url = f"http://127.0.0.1:{port}"
    ours = {
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__API__BASE_URL": url,
        "AIRFLOW__API__HOST": "127.0.0.1",
        "AIRFLOW__API__PORT": str(port),
        "AIRFLOW__API__WORKERS": "1",
        "AIRFLOW__API__SECRET_KEY": secrets.token_hex(),
        "AIRFLOW__API_AUTH__JWT_SECRET": secrets.token_hex(),
        "AIRFLOW__CORE__DAGS_FOLDER": str(HERE / "dags"),
        "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"{url}/execution/",
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": str(home / "passwords.json"),
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{home}/airflow.db",
        "HEADGATE_PIPELINES_BIN": str(HERE.parent / ".venv/bin"),
    }
    return {**ours, **os.environ}


def main() -> int:
    """Exit code 0 after Ctrl-C or SIGTERM; 1 when a part ends by itself."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--home", type=Path, default=HERE.parents[1] / "state/airflow")
    parser.add_argument("--port", type=int, default=8450)
    arguments = parser.parse_args()
    home = arguments.home.resolve()
    home.mkdir(parents=True, exist_ok=True)
    env = environment(home, arguments.port)
    airflow = str(Path(sys.executable).parent / "airflow")
    subprocess.run([airflow, "db", "migrate"], env=env, check=True)
    # An own session each, so that Ctrl-C reaches only this process, which stops them in order.
    parts = [subprocess.Popen([airflow, *part], env=env, start_new_session=True) for part in PARTS]
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        os.wait()
        print("a part of Airflow has ended; its log is above", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 0
    finally:
        for part in parts:
            stop(part)


def stop(part: subprocess.Popen[bytes]) -> None:
    """Ends a part and every process that it started."""
    part.terminate()
    with suppress(subprocess.TimeoutExpired):
        part.wait(STOP_S)
    with suppress(ProcessLookupError):
        os.killpg(part.pid, signal.SIGKILL)


if __name__ == "__main__":
    sys.exit(main())
