"""How tritonclient.http reaches Headgate: straight to the gateway, or over TLS through Envoy."""

import gevent.ssl
import numpy as np
import tritonclient.http as httpclient
from tritonclient.utils import np_to_triton_dtype

PATHS = ["gateway", "envoy"]


def key(context: dict, name: str = "admin") -> dict[str, str]:
    """Headers with one of the development keys."""
    return {"X-API-Key": context["keys"][name]}


def host_of(url: str) -> str:
    return url.split("//")[1]


def connect(context: dict, path: str, **options) -> httpclient.InferenceServerClient:
    if path == "gateway":
        return httpclient.InferenceServerClient(host_of(context["gateway"]), **options)
    return httpclient.InferenceServerClient(
        host_of(context["https"]),
        ssl=True,
        ssl_context_factory=lambda: gevent.ssl.create_default_context(cafile=context["caFile"]),
        **options,
    )


def inputs_of(arrays: dict[str, np.ndarray], *, binary: bool = True) -> list[httpclient.InferInput]:
    inputs = []
    for name, array in arrays.items():
        one = httpclient.InferInput(name, array.shape, np_to_triton_dtype(array.dtype))
        one.set_data_from_numpy(array, binary_data=binary)
        inputs.append(one)
    return inputs
