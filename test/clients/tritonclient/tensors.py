"""Example tensors of every datatype, for numpy and for tritonclient's input classes."""

import numpy as np

ROWS = 2

EXAMPLES = {
    "BOOL": np.array([[True, False, True], [False, False, True]]),
    "UINT8": np.array([[0, 1, 255], [2, 3, 4]], dtype=np.uint8),
    "UINT16": np.array([[0, 1, 65535], [2, 3, 4]], dtype=np.uint16),
    "UINT32": np.array([[0, 1, 2**32 - 1], [2, 3, 4]], dtype=np.uint32),
    "UINT64": np.array([[0, 1, 2**64 - 1], [2, 3, 4]], dtype=np.uint64),
    "INT8": np.array([[-128, 0, 127], [1, 2, 3]], dtype=np.int8),
    "INT16": np.array([[-32768, 0, 32767], [1, 2, 3]], dtype=np.int16),
    "INT32": np.array([[-(2**31), 0, 2**31 - 1], [1, 2, 3]], dtype=np.int32),
    "INT64": np.array([[-(2**63), 0, 2**63 - 1], [1, 2, 3]], dtype=np.int64),
    "FP16": np.array([[-1.5, 0, 65504], [1, 2, np.inf]], dtype=np.float16),
    "FP32": np.array([[-1.5, 0, 3.4e38], [1, 2, np.inf]], dtype=np.float32),
    "FP64": np.array([[-1.5, 0, 1.7e308], [1, 2, -np.inf]], dtype=np.float64),
    "BYTES": np.array([["", "a", "héllo"], ["x" * 300, "b", "c"]], dtype=object),
}


def expected(datatype: str) -> np.ndarray:
    """What comes back: text as bytes, as the protocol has it."""
    example = EXAMPLES[datatype]
    if datatype != "BYTES":
        return example
    return np.array([[text.encode() for text in row] for row in example], dtype=object)


def affine_arrays(rows: int = ROWS) -> dict[str, np.ndarray]:
    """Inputs of the model `affine`."""
    return {
        "x": np.arange(rows * 3, dtype=np.float32).reshape(rows, 3),
        "ids": np.arange(rows * 2, dtype=np.int64).reshape(rows, 2),
    }


def affine_answers(rows: int = ROWS) -> dict[str, np.ndarray]:
    """Outputs of the model `affine` for `affine_arrays`."""
    arrays = affine_arrays(rows)
    x, ids = arrays["x"], arrays["ids"]
    return {"scaled": 2 * x + 1, "sum": x.sum(axis=1), "next": ids + 1}


def image_array(*files: bytes) -> np.ndarray:
    """Encoded images as a BYTES tensor."""
    return np.array(files, dtype=object)
