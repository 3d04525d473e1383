"""MLServer with adaptive batching: mlserver.readthedocs.io, user guide, adaptive batching and custom runtimes.

Photos come as base64 in V2 JSON, as its codecs document it.
"""

import asyncio
import json

import numpy as np
from classifier import open_session, preprocess, run, top_classes
from mlserver import MLModel
from mlserver.codecs import Base64Codec, StringCodec
from mlserver.types import InferenceRequest, InferenceResponse


class Classifier(MLModel):
    async def load(self) -> bool:
        self.session = open_session()
        return True

    def classify(self, photos: list[bytes]) -> list[str]:
        logits = run(self.session, np.stack([preprocess(photo) for photo in photos]))
        return [json.dumps(top_classes(row)) for row in logits]

    async def predict(self, payload: InferenceRequest) -> InferenceResponse:
        photos = Base64Codec.decode_input(payload.inputs[0])
        answers = await asyncio.to_thread(self.classify, photos)
        output = StringCodec.encode_output("predictions", answers, use_bytes=False)
        return InferenceResponse(model_name=self.name, model_version=self.version, outputs=[output])
