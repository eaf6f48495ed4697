"""Run LiteRT files, without Keras."""

import math
from threading import Lock
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fer_estimators._quiet import chatter_left_out


class LiteRTModel:
    """Run a LiteRT file of one input and one output; safe to use from several threads.

    `content` is that of a checked file. `inputs` and `outputs` hold what ai-edge-litert says of
    them: ``shape``, ``dtype`` and more. Raises ValueError, RuntimeError or MemoryError if LiteRT
    cannot run it.
    """

    def __init__(self, content: bytes, n_threads: int = 1):
        from ai_edge_litert.interpreter import Interpreter

        # It tells once which kernels it uses.
        with chatter_left_out():
            self._interpreter = Interpreter(model_content=content, num_threads=n_threads)
            self._interpreter.allocate_tensors()
        self.inputs: list[dict[str, Any]] = self._interpreter.get_input_details()
        self.outputs: list[dict[str, Any]] = self._interpreter.get_output_details()
        self._shape: tuple[int, ...] | None = None
        self._one_at_a_time = Lock()

    def count_values(self) -> int:
        """Count the values of all tensors, for one image."""
        details = self._interpreter.get_tensor_details()
        return sum(math.prod(map(int, one["shape"])) for one in details)

    def __call__(self, batch: NDArray[Any]) -> NDArray[Any]:
        """Compute the output of a batch, whose fractions are rounded where the input is uint8."""
        source = self.inputs[0]
        with self._one_at_a_time:
            if batch.shape != self._shape:
                # Unknown until all is done: Ctrl-C or a lack of memory may come in between.
                self._shape = None
                # The result of one image does not depend on the others of its batch.
                self._interpreter.resize_tensor_input(source["index"], batch.shape)
                self._interpreter.allocate_tensors()
                self._shape = batch.shape
            if batch.dtype.kind == "f" and source["dtype"] == np.uint8:
                batch = np.rint(batch)
            batch = np.ascontiguousarray(batch, source["dtype"])
            self._interpreter.set_tensor(source["index"], batch)
            self._interpreter.invoke()
            return self._interpreter.get_tensor(self.outputs[0]["index"])
