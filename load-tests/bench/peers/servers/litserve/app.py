"""LitServe with dynamic batching: lightning.ai/docs/litserve/features/batching."""

import os

import litserve
import numpy as np
from classifier import open_session, preprocess, run, top_classes


class Classifier(litserve.LitAPI):
    def setup(self, device):
        self.session = open_session()

    def decode_request(self, request):
        return preprocess(request["image"].file.read())

    def batch(self, inputs):
        return np.stack(inputs)

    def predict(self, pixels):
        return run(self.session, pixels if pixels.ndim == 4 else pixels[None])

    def unbatch(self, output):
        return list(output)

    def encode_response(self, output):
        return {"predictions": top_classes(np.asarray(output).reshape(-1))}


if __name__ == "__main__":
    api = Classifier(max_batch_size=8, batch_timeout=0.005)
    server = litserve.LitServer(api, accelerator="cpu", workers_per_device=2, fast_queue=True)
    server.run(
        host="127.0.0.1",
        port=int(os.environ["PEER_PORT"]),
        generate_client_file=False,
        log_level="warning",
        access_log=False,
    )
