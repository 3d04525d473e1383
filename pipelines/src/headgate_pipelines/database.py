"""`python3 -m headgate_pipelines.database [mlflow]`: what a pod of MLflow or Airflow needs before it starts.

Makes the database of HEADGATE_PIPELINES_DATABASE_URL (postgresql+psycopg2://USER:PASSWORD@HOST/NAME) where it is
absent; with `mlflow` its tables too, or brings them to this version of MLflow. Airflow has a command for that.
"""

import importlib
import sys
from contextlib import closing
from typing import Any
from urllib.parse import unquote, urlsplit

import psycopg2
from psycopg2 import sql

from headgate_pipelines.deadline import Deadline
from headgate_pipelines.errors import PipelineError
from headgate_pipelines.settings import read_settings

WITHIN_S = 90
"""A database that starts with the release."""
CONNECT_S = 5


def main(arguments: list[str]) -> int:
    """Exit code, see headgate_pipelines.errors."""
    url = read_settings().database_url
    try:
        Deadline(WITHIN_S).until(lambda: made(url), "a connection to the database", "see the database's log")
        if arguments == ["mlflow"]:
            mlflow_tables(url)
    except PipelineError as error:
        print(f"error: {error.message}; {error.remedy}", file=sys.stderr)
        return error.exit_code
    return 0


def made(url: str) -> bool | None:
    """True when the database was made, False when it was there, None when the server does not answer.

    Raises:
        PipelineError: the user may not make it.
    """
    address = urlsplit(url)._replace(scheme="postgresql")
    name = unquote(address.path.lstrip("/"))
    try:
        psycopg2.connect(address.geturl(), connect_timeout=CONNECT_S).close()
        return False
    except psycopg2.ProgrammingError:
        # Its words hold the password.
        raise PipelineError("HEADGATE_PIPELINES_DATABASE_URL is no URL", "escape its parts by %XX") from None
    except psycopg2.OperationalError as error:
        refusal = str(error).strip()
    try:
        with closing(psycopg2.connect(address._replace(path="/postgres").geturl(), connect_timeout=CONNECT_S)) as admin:
            admin.autocommit = True
            admin.cursor().execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        return True
    except psycopg2.errors.InsufficientPrivilege as error:
        remedy = f"CREATE DATABASE {name}, owned by the user of the URL"
        raise PipelineError(f"database {name} is absent, and the user may not make it", remedy) from error
    except (psycopg2.errors.DuplicateDatabase, psycopg2.errors.UniqueViolation):
        # Another pod made it just now, or the user may not connect: the wait tells which.
        print(refusal, file=sys.stderr, flush=True)
        return None
    except psycopg2.OperationalError:
        print(refusal, file=sys.stderr, flush=True)
        return None


def mlflow_tables(url: str) -> None:
    """MLflow's tables in their newest form. Its command `mlflow db upgrade` does not make those that are absent."""
    utils: Any = importlib.import_module("mlflow.store.db.utils")  # has no types, and takes seconds
    engine = utils.create_sqlalchemy_engine_with_retry(url)
    if utils._all_tables_exist(engine):
        utils._upgrade_db(engine)
    else:
        utils._initialize_tables(engine)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
