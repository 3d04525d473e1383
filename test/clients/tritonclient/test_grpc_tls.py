"""tritonclient.grpc through Envoy's listener for internal services, which wants a client certificate."""

import pytest
import tritonclient.grpc as grpcclient
from tritonclient.utils import InferenceServerException

from tensors import image_array


def test_serves_a_client_with_a_certificate(context, seven):
    internal = context["internalGrpc"]
    with grpcclient.InferenceServerClient(
        internal["address"],
        ssl=True,
        root_certificates=internal["ca"],
        private_key=internal["key"],
        certificate_chain=internal["cert"],
    ) as client:
        assert client.is_server_ready()
        image = grpcclient.InferInput("image", [1], "BYTES")
        image.set_data_from_numpy(image_array(seven))
        result = client.infer("digits", [image], request_id="through-envoy")
        assert result.as_numpy("label")[0][0] == b"7"
        assert result.get_response().id == "through-envoy"
        with pytest.raises(InferenceServerException, match="INVALID_ARGUMENT"):
            client.infer("affine", [image])


def test_refuses_a_client_without_a_certificate(context):
    internal = context["internalGrpc"]
    with (
        grpcclient.InferenceServerClient(
            internal["address"], ssl=True, root_certificates=internal["ca"]
        ) as client,
        pytest.raises(InferenceServerException, match="UNAVAILABLE"),
    ):
        client.get_server_metadata()
