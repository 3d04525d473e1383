"""The database of MLflow and Airflow, on a real PostgreSQL."""

import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import psycopg2
import pytest

from headgate_pipelines import database
from headgate_pipelines.deadline import Deadline
from headgate_pipelines.errors import PipelineError
from tests.services import free_port

pytestmark = pytest.mark.services

PROGRAMS = sorted(Path("/usr/lib/postgresql").glob("*/bin"))
# PostgreSQL refuses to run as root.
USER = "nobody" if os.getuid() == 0 else None


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    """URL of a server without a database at its end: `postgresql+psycopg2://owner:PASSWORD@127.0.0.1:PORT/`."""
    if not PROGRAMS:
        pytest.skip("PostgreSQL is not installed")
    folder = Path(f"/tmp/headgate-test-database-{os.getpid()}")
    folder.mkdir()
    if USER:
        shutil.chown(folder, USER)
    password = folder / "password"
    password.write_text("a%b")
    password.chmod(0o644)
    data, port = folder / "data", free_port()
    options = ["-D", str(data), "--username", "owner", "--auth", "scram-sha-256", "--pwfile", str(password)]
    subprocess.run([PROGRAMS[-1] / "initdb", *options, "--no-sync"], check=True, user=USER, cwd=folder)
    started = subprocess.Popen(
        [PROGRAMS[-1] / "postgres", "-D", str(data), "-p", str(port), "-k", str(folder), "-F"], user=USER, cwd=folder
    )
    yield f"postgresql+psycopg2://owner:a%25b@127.0.0.1:{port}/"
    started.send_signal(signal.SIGINT)
    started.wait(15)
    shutil.rmtree(folder)


@pytest.fixture(scope="module")
def url(server: str) -> str:
    """A database that was made by the function under test."""
    Deadline(30).until(lambda: database.made(f"{server}mlflow"), "the first database")
    return f"{server}mlflow"


def connected(url: str) -> Any:
    return psycopg2.connect(url.replace("+psycopg2", ""))


def test_a_database_is_made_once(url: str) -> None:
    assert database.made(url) is False


def test_tables_are_made_and_a_second_run_keeps_what_is_in_them(url: str) -> None:
    database.mlflow_tables(url)
    with closing(connected(url)) as connection, connection, connection.cursor() as cursor:
        cursor.execute("INSERT INTO registered_models (workspace, name) VALUES ('default', 'digits')")
    database.mlflow_tables(url)
    with closing(connected(url)) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT name FROM registered_models")
        assert cursor.fetchall() == [("digits",)]


def test_a_user_who_may_not_make_databases_is_told_the_command(server: str, url: str) -> None:
    with closing(connected(url)) as connection, connection, connection.cursor() as cursor:
        cursor.execute("CREATE ROLE guest LOGIN PASSWORD 'guest'")
    with pytest.raises(PipelineError) as refused:
        database.made(server.replace("owner:a%25b", "guest:guest") + "airflow")
    assert refused.value.remedy == "CREATE DATABASE airflow, owned by the user of the URL"


def test_a_server_that_does_not_answer_is_asked_again() -> None:
    assert database.made(f"postgresql+psycopg2://owner@127.0.0.1:{free_port()}/mlflow") is None
