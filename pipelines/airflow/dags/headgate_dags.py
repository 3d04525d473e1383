"""The DAGs of Headgate: three for each workspace, see docs/pipelines.md."""

from headgate.drift import drift
from headgate.ingest import ingest
from headgate.retrain import retrain
from headgate.workspace import workspaces

# Airflow collects a DAG when it is built.
for workspace in workspaces():
    ingest(workspace)
    retrain(workspace)
    drift(workspace)
