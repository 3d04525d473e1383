# The inference image with the CUDA provider and NVIDIA's libraries, from the wheels of gpu-requirements.txt.
# The driver's own library comes from the node (nvidia-container-toolkit).
ARG BASE=headgate/inference
FROM ${BASE}
# Large and seldom new: layers of their own.
COPY nvidia/ /opt/nvidia/
COPY onnxruntime/ /headgate/node_modules/onnxruntime-node/bin/napi-v6/linux/x64/
ENV LD_LIBRARY_PATH=/opt/nvidia/cu13/lib:/opt/nvidia/cudnn/lib \
    NVIDIA_VISIBLE_DEVICES=all NVIDIA_DRIVER_CAPABILITIES=compute,utility
