"""Makes the small models of the tests of tensor models. Needs onnx (the setup's .venv has it); run after a change."""

from pathlib import Path

from onnx import TensorProto, checker, helper, save
from onnx.onnx_pb import ModelProto

HERE = Path(__file__).parent
OPSET = helper.make_opsetid("", 17)
DATATYPES = {
    "BOOL": TensorProto.BOOL,
    "UINT8": TensorProto.UINT8,
    "UINT16": TensorProto.UINT16,
    "UINT32": TensorProto.UINT32,
    "UINT64": TensorProto.UINT64,
    "INT8": TensorProto.INT8,
    "INT16": TensorProto.INT16,
    "INT32": TensorProto.INT32,
    "INT64": TensorProto.INT64,
    "FP16": TensorProto.FLOAT16,
    "FP32": TensorProto.FLOAT,
    "FP64": TensorProto.DOUBLE,
    "BYTES": TensorProto.STRING,
}


def model(nodes: list, inputs: list, outputs: list, constants: list | None = None) -> ModelProto:
    graph = helper.make_graph(nodes, "test", inputs, outputs, constants or [])
    return helper.make_model(graph, opset_imports=[OPSET], ir_version=8)


def value(name: str, datatype: str, shape: list) -> object:
    return helper.make_tensor_value_info(name, DATATYPES[datatype], shape)


def echo(datatype: str) -> ModelProto:
    """Returns its input: for each datatype, with sides of any length."""
    node = helper.make_node("Identity", ["x"], ["y"])
    shape = ["batch", "width"]
    return model([node], [value("x", datatype, shape)], [value("y", datatype, shape)])


def echo_all() -> ModelProto:
    """Returns its thirteen inputs, one of each datatype: `in_fp32` comes back as `out_fp32`."""
    names = [datatype.lower() for datatype in DATATYPES]
    nodes = [helper.make_node("Identity", [f"in_{name}"], [f"out_{name}"]) for name in names]
    shape = ["batch", "width"]
    inputs = [value(f"in_{datatype.lower()}", datatype, shape) for datatype in DATATYPES]
    outputs = [value(f"out_{datatype.lower()}", datatype, shape) for datatype in DATATYPES]
    return model(nodes, inputs, outputs)


def affine() -> ModelProto:
    """scaled = 2 * x + 1; sum = the sum of each row of x; next = ids + 1. Rows do not depend on each other."""
    constants = [
        helper.make_tensor("two", TensorProto.FLOAT, [], [2.0]),
        helper.make_tensor("one", TensorProto.FLOAT, [], [1.0]),
        helper.make_tensor("step", TensorProto.INT64, [], [1]),
        helper.make_tensor("axes", TensorProto.INT64, [1], [1]),
    ]
    nodes = [
        helper.make_node("Mul", ["x", "two"], ["doubled"]),
        helper.make_node("Add", ["doubled", "one"], ["scaled"]),
        helper.make_node("ReduceSum", ["x", "axes"], ["sum"], keepdims=0),
        helper.make_node("Add", ["ids", "step"], ["next"]),
    ]
    inputs = [value("x", "FP32", ["batch", 3]), value("ids", "INT64", ["batch", 2])]
    outputs = [
        value("scaled", "FP32", ["batch", 3]),
        value("sum", "FP32", ["batch"]),
        value("next", "INT64", ["batch", 2]),
    ]
    return model(nodes, inputs, outputs, constants)


def scale() -> ModelProto:
    """Scalars: y = x * factor, and total, the sum of y. Its last dimension has any length, its first is no batch."""
    nodes = [
        helper.make_node("Mul", ["x", "factor"], ["y"]),
        helper.make_node("ReduceSum", ["y"], ["total"], keepdims=0),
    ]
    inputs = [value("x", "FP32", [2, "width"]), value("factor", "FP32", [])]
    return model(nodes, inputs, [value("y", "FP32", [2, "width"]), value("total", "FP32", [])])


def transpose() -> ModelProto:
    """Whole tensors without a batch: [2, 3] becomes [3, 2]."""
    node = helper.make_node("Transpose", ["x"], ["y"], perm=[1, 0])
    return model([node], [value("x", "FP32", [2, 3])], [value("y", "FP32", [3, 2])])


def pick() -> ModelProto:
    """y = table[index], of five entries: an index beyond them makes the run fail."""
    table = helper.make_tensor("table", TensorProto.FLOAT, [5], [0.0, 10.0, 20.0, 30.0, 40.0])
    node = helper.make_node("Gather", ["table", "index"], ["y"])
    inputs, outputs = [value("index", "INT64", ["batch", 1])], [value("y", "FP32", ["batch", 1])]
    return model([node], inputs, outputs, [table])


def colours() -> ModelProto:
    """The mean of each colour of a picture of 24 x 24 pixels, from 0 to 1."""
    white = helper.make_tensor("white", TensorProto.FLOAT, [], [255.0])
    nodes = [
        helper.make_node("Cast", ["pixels"], ["numbers"], to=TensorProto.FLOAT),
        helper.make_node("ReduceMean", ["numbers"], ["levels"], axes=[1, 2], keepdims=0),
        helper.make_node("Div", ["levels", "white"], ["means"]),
    ]
    inputs, outputs = [value("pixels", "UINT8", ["batch", 24, 24, 3])], [value("means", "FP32", ["batch", 3])]
    return model(nodes, inputs, outputs, [white])


def dark_only() -> ModelProto:
    """Ten scores of a black picture, such as those of the warm-up; the run of any other picture fails."""
    table = helper.make_tensor("table", TensorProto.FLOAT, [1, 10], [0.1] * 10)
    nodes = [
        helper.make_node("Cast", ["image"], ["numbers"], to=TensorProto.INT64),
        helper.make_node("ReduceMax", ["numbers"], ["brightest"], axes=[1, 2, 3], keepdims=0),
        helper.make_node("Gather", ["table", "brightest"], ["logits"]),
    ]
    inputs, outputs = [value("image", "UINT8", ["batch", 8, 8, 1])], [value("logits", "FP32", ["batch", 10])]
    return model(nodes, inputs, outputs, [table])


def unknown_operator() -> ModelProto:
    """Needs an operator that no runtime has."""
    node = helper.make_node("Clairvoyance", ["x"], ["y"], domain="example.nowhere")
    shape = ["batch", 1]
    made = model([node], [value("x", "FP32", shape)], [value("y", "FP32", shape)])
    made.opset_import.append(helper.make_opsetid("example.nowhere", 1))
    return made


def slow_image() -> ModelProto:
    """Scores of an image that take some ten milliseconds on one core, whatever the batch: products of large matrices,
    which begin with the image, so that the runtime cannot compute them when it loads the model."""
    constants = [
        helper.make_tensor("zero", TensorProto.FLOAT, [], [0.0]),
        helper.make_tensor("first_shape", TensorProto.INT64, [2], [32 * 32 * 3, 1024]),
        helper.make_tensor("shape", TensorProto.INT64, [2], [1024, 1024]),
        helper.make_tensor("last_shape", TensorProto.INT64, [2], [1024, 4]),
    ]
    small = helper.make_tensor("value", TensorProto.FLOAT, [1], [1 / 1024])
    nodes = [
        helper.make_node("Cast", ["image"], ["pixels"], to=TensorProto.FLOAT),
        helper.make_node("Flatten", ["pixels"], ["flat"]),
        helper.make_node("ConstantOfShape", ["first_shape"], ["first"], value=small),
        helper.make_node("ConstantOfShape", ["shape"], ["matrix"], value=small),
        helper.make_node("ConstantOfShape", ["last_shape"], ["last"], value=small),
        helper.make_node("MatMul", ["flat", "first"], ["features"]),
        helper.make_node("ReduceMax", ["features"], ["largest"], keepdims=0),
        helper.make_node("Mul", ["largest", "zero"], ["nothing"]),
        helper.make_node("Add", ["matrix", "nothing"], ["m0"]),
    ]
    nodes += [helper.make_node("MatMul", [f"m{i}", "matrix"], [f"m{i + 1}"]) for i in range(3)]
    nodes += [
        helper.make_node("MatMul", ["features", "m3"], ["mixed"]),
        helper.make_node("MatMul", ["mixed", "last"], ["scores"]),
    ]
    inputs, outputs = [value("image", "UINT8", ["batch", 32, 32, 3])], [value("scores", "FP32", ["batch", 4])]
    return model(nodes, inputs, outputs, constants)


def slow_echo() -> ModelProto:
    """Returns its input after some hundred milliseconds on one core, whatever the batch: 16 products of matrices with
    1024 x 1024 values. They begin with the input, so that the runtime cannot compute them when it loads the model."""
    constants = [
        helper.make_tensor("shape", TensorProto.INT64, [2], [1024, 1024]),
        helper.make_tensor("zero", TensorProto.FLOAT, [], [0.0]),
    ]
    small = helper.make_tensor("value", TensorProto.FLOAT, [1], [1 / 1024])
    nodes = [
        helper.make_node("ConstantOfShape", ["shape"], ["matrix"], value=small),
        helper.make_node("ReduceMax", ["x"], ["largest"], keepdims=0),
        helper.make_node("Mul", ["largest", "zero"], ["nothing"]),
        helper.make_node("Add", ["matrix", "nothing"], ["m0"]),
    ]
    nodes += [helper.make_node("MatMul", [f"m{i}", "matrix"], [f"m{i + 1}"]) for i in range(16)]
    nodes += [
        helper.make_node("ReduceMax", ["m16"], ["product"], keepdims=0),
        helper.make_node("Mul", ["product", "zero"], ["still_nothing"]),
        helper.make_node("Add", ["x", "still_nothing"], ["y"]),
    ]
    shape = ["batch", "width"]
    return model(nodes, [value("x", "FP32", shape)], [value("y", "FP32", shape)], constants)


def main() -> None:
    models = {f"echo-{datatype.lower()}": echo(datatype) for datatype in DATATYPES}
    models |= {"echo-all": echo_all(), "affine": affine(), "transpose": transpose(), "pick": pick(), "scale": scale()}
    models |= {"slow-image": slow_image(), "slow-echo": slow_echo(), "colours": colours(), "dark-only": dark_only()}
    for made in models.values():
        checker.check_model(made)
    for name, made in (models | {"unknown-operator": unknown_operator()}).items():
        save(made, HERE / f"{name}.onnx")


if __name__ == "__main__":
    main()
