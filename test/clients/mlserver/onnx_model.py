"""A model of MLServer that runs an ONNX file, as its documentation shows for runtimes of one's own."""

import onnxruntime
from mlserver import MLModel
from mlserver.codecs import NumpyCodec
from mlserver.errors import InferenceError
from mlserver.types import InferenceRequest, InferenceResponse
from mlserver.utils import get_model_uri


class OnnxModel(MLModel):
    """Loaded by MLServer in its own process and environment."""

    async def load(self) -> bool:
        path = await get_model_uri(self.settings)
        self.session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
        self.outputs_of_model = [output.name for output in self.session.get_outputs()]
        return True

    async def predict(self, payload: InferenceRequest) -> InferenceResponse:
        feeds = {one.name: NumpyCodec.decode_input(one) for one in payload.inputs}
        asked = [one.name for one in payload.outputs] if payload.outputs else self.outputs_of_model
        try:
            values = self.session.run(asked, feeds)
        except Exception as error:
            raise InferenceError(str(error)) from error
        outputs = [NumpyCodec.encode_output(name, value) for name, value in zip(asked, values, strict=True)]
        return InferenceResponse(model_name=self.name, model_version=self.version, outputs=outputs)
