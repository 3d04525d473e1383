"""Images from a real S3 server, and what happens when it does not answer."""

from pathlib import Path

import boto3
import pytest

from headgate_pipelines.data.index import read_images, read_index
from headgate_pipelines.data.ingest import ingest
from headgate_pipelines.data.s3 import CONFIG, S3Source
from headgate_pipelines.data.sources import Entry
from headgate_pipelines.errors import Unavailable
from headgate_pipelines.workspace import Workspace
from tests.data.pictures import params_of, write_classes
from tests.data.s3_server import BUCKET, S3, s3

__all__ = ["s3"]
pytestmark = pytest.mark.services


@pytest.fixture
def prefix(s3: S3, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """URL of a prefix with two classes and a label file in a bucket that has other objects too."""
    for name, value in s3.env.items():
        monkeypatch.setenv(name, value)
    write_classes(tmp_path / "photos")
    client = boto3.client("s3")
    for path in (tmp_path / "photos").rglob("*.png"):
        client.upload_file(str(path), BUCKET, f"{tmp_path.name}/{path.relative_to(tmp_path / 'photos')}")
    client.put_object(Bucket=BUCKET, Key=f"{tmp_path.name}/labels.csv", Body=b"path,label\nclass0/001.png,class1\n")
    client.put_object(Bucket=BUCKET, Key=f"{tmp_path.name}-other/class0/no.png", Body=b"not of this prefix")
    return f"s3://{BUCKET}/{tmp_path.name}"


def test_reads_a_prefix_as_it_reads_a_folder(prefix: str, tmp_path: Path) -> None:
    workspace = Workspace(tmp_path / "workspace")
    said = ingest(workspace, params_of(prefix, labels=["class0", "class1"]))
    assert said.startswith("23 images of 2 classes")
    for item, content in read_images(workspace.data, read_index(workspace.data)):
        assert content == (tmp_path / "photos" / item.source).read_bytes()
    assert [path.name for path in (workspace.quarantine / "label_conflict").glob("*.png")] == ["000000-class0_001.png"]
    assert ingest(workspace, params_of(prefix, labels=["class0", "class1"])).startswith("nothing changed")


def test_an_error_in_the_middle_leaves_nothing_half_written(
    prefix: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    workspace = Workspace(tmp_path / "workspace")
    read, reads = S3Source.read, iter(range(100))

    def read_until_the_key_changes(source: S3Source, entry: Entry) -> bytes:
        if next(reads) == 10:
            source._client = boto3.client(
                "s3", config=CONFIG, aws_access_key_id="headgate", aws_secret_access_key="old"
            )
        return read(source, entry)

    monkeypatch.setattr(S3Source, "read", read_until_the_key_changes)
    with pytest.raises(Unavailable, match=r"SignatureDoesNotMatch|403|Forbidden"):
        ingest(workspace, params_of(prefix, labels=["class0", "class1"]))
    assert [path.name for path in workspace.root.rglob("*") if path.is_file()] == []


def test_a_bucket_or_a_server_that_is_not_there_is_unavailable(
    prefix: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    workspace = Workspace(tmp_path / "workspace")
    with pytest.raises(Unavailable, match="NoSuchBucket"):
        ingest(workspace, params_of("s3://nobody/photos"))
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    with pytest.raises(Unavailable, match="Could not connect"):
        ingest(workspace, params_of(prefix))


def test_an_object_that_went_since_the_listing_is_missing(prefix: str) -> None:
    source = S3Source(prefix, frozenset())
    assert len(source.entries()) == 24
    with pytest.raises(FileNotFoundError):
        source.read(Entry("class0/999.png", "class0", 10, "", "", ""))
