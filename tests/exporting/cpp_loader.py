"""TensorFlow's C++ SavedModel loader, as TensorFlow Serving uses it, by the C API and without any Python of TensorFlow.

    python cpp_loader.py LIBRARY REQUEST.json

It checks no feed against a signature, so a graph that does not check its own shapes dies here as it would in the server. The
request: {"folder", "inputs": {TENSOR: {"file": .npy, or "strings": [base64], "shape"}}, "outputs": [TENSOR]}. Prints JSON: `code` and
`message` of the status (3 is InvalidArgument), and `outputs`.
"""

from __future__ import annotations

import base64
import ctypes
import json
import sys
from typing import Any

import numpy as np

FLOAT, STRING = 1, 7


class Output(ctypes.Structure):
    _fields_ = [("operation", ctypes.c_void_p), ("index", ctypes.c_int)]


class TString(ctypes.Structure):
    _fields_ = [("bytes", ctypes.c_char * 24)]


def load(path: str) -> ctypes.CDLL:
    library = ctypes.CDLL(path)
    pointers = (
        "NewStatus NewSessionOptions NewGraph LoadSessionFromSavedModel GraphOperationByName AllocateTensor TensorData StringGetDataPointer"
    )
    for name in pointers.split():
        getattr(library, f"TF_{name}").restype = ctypes.c_void_p
    library.TF_Message.restype = ctypes.c_char_p
    library.TF_Dim.restype = ctypes.c_int64
    library.TF_StringGetSize.restype = ctypes.c_size_t
    return library


class Model:
    def __init__(self, library: ctypes.CDLL, folder: str) -> None:
        self.tf = library
        self.status = ctypes.c_void_p(library.TF_NewStatus())
        self.graph = ctypes.c_void_p(library.TF_NewGraph())
        options, tags = ctypes.c_void_p(library.TF_NewSessionOptions()), (ctypes.c_char_p * 1)(b"serve")
        self.session = ctypes.c_void_p(
            library.TF_LoadSessionFromSavedModel(options, None, folder.encode(), tags, 1, self.graph, None, self.status)
        )
        self.check()

    def check(self) -> None:
        code = self.tf.TF_GetCode(self.status)
        if code:
            print(json.dumps({"code": code, "message": self.tf.TF_Message(self.status).decode()}))
            sys.exit(0)

    def place(self, tensor: str) -> Output:
        name, _, index = tensor.partition(":")
        operation = self.tf.TF_GraphOperationByName(self.graph, name.encode())
        assert operation, tensor
        return Output(operation, int(index))

    def tensor(self, given: dict[str, Any]) -> Any:
        if "file" in given:
            values = np.ascontiguousarray(np.load(given["file"]))
            tensor = self._allocate(FLOAT, values.shape, values.nbytes)
            ctypes.memmove(ctypes.c_void_p(self.tf.TF_TensorData(tensor)), values.ctypes.data, values.nbytes)
            return tensor
        strings = [base64.b64decode(one) for one in given["strings"]]
        tensor = self._allocate(STRING, given["shape"], 24 * len(strings))
        first = self.tf.TF_TensorData(tensor)
        for number, one in enumerate(strings):
            cell = ctypes.c_void_p(first + 24 * number)
            self.tf.TF_StringInit(cell)
            self.tf.TF_StringCopy(cell, one, ctypes.c_size_t(len(one)))
        return tensor

    def _allocate(self, dtype: int, shape: Any, size: int) -> Any:
        dims = (ctypes.c_int64 * max(1, len(shape)))(*shape)
        return ctypes.c_void_p(self.tf.TF_AllocateTensor(dtype, dims, len(shape), ctypes.c_size_t(size)))

    def read(self, tensor: Any) -> Any:
        shape = [self.tf.TF_Dim(tensor, axis) for axis in range(self.tf.TF_NumDims(tensor))]
        count, data = int(np.prod(shape)), self.tf.TF_TensorData(tensor)
        if self.tf.TF_TensorType(tensor) == FLOAT:
            return np.ctypeslib.as_array(ctypes.cast(data, ctypes.POINTER(ctypes.c_float)), tuple(shape)).tolist()
        cells = [ctypes.c_void_p(data + 24 * number) for number in range(count)]
        return [ctypes.string_at(self.tf.TF_StringGetDataPointer(cell), self.tf.TF_StringGetSize(cell)).decode() for cell in cells]

    def run(self, inputs: dict[str, Any], outputs: list[str]) -> dict[str, Any]:
        places = (Output * len(inputs))(*[self.place(name) for name in inputs])
        values = (ctypes.c_void_p * len(inputs))(*[self.tensor(one).value for one in inputs.values()])
        wanted = (Output * len(outputs))(*[self.place(name) for name in outputs])
        answers = (ctypes.c_void_p * len(outputs))()
        self.tf.TF_SessionRun(self.session, None, places, values, len(inputs), wanted, answers, len(outputs), None, 0, None, self.status)
        self.check()
        return {name: self.read(ctypes.c_void_p(answer)) for name, answer in zip(outputs, answers, strict=True)}


if __name__ == "__main__":
    with open(sys.argv[2], encoding="utf-8") as file:
        request = json.load(file)
    model = Model(load(sys.argv[1]), request["folder"])
    print(json.dumps({"code": 0, "outputs": model.run(request["inputs"], request["outputs"])}))
