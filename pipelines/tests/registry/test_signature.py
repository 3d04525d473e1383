import base64
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from headgate_pipelines.errors import PipelineError
from headgate_pipelines.registry.signature import signer


def key_file(folder: Path, key: PrivateKeyTypes) -> Path:
    path = folder / "model.key"
    path.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return path


def test_the_public_key_verifies_one_line_of_base64(tmp_path: Path) -> None:
    key = Ed25519PrivateKey.generate()
    signature = signer(key_file(tmp_path, key))(b"name: pets\n")
    assert signature.count(b"\n") == 1
    key.public_key().verify(base64.b64decode(signature), b"name: pets\n")


def test_another_kind_of_key_is_an_error_before_anything_is_registered(tmp_path: Path) -> None:
    with pytest.raises(PipelineError, match="not an Ed25519 key"):
        signer(key_file(tmp_path, generate_private_key(SECP256R1())))
    (tmp_path / "model.key").write_text("no key")
    with pytest.raises(PipelineError, match="no private key"):
        signer(tmp_path / "model.key")
