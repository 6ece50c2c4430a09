"""One engine in a process of its own, which makes a timed call for each line that it reads.

    python benchmarks/one_engine.py torch mobilenet_v2 224 2
    python benchmarks/one_engine.py ort model.onnx 224 2

The arguments are the engine, its network (a name of torchvision's, or a graph), the side of the
picture in pixels, and the number of threads. Each call is answered by a line with its nanoseconds.
It needs numpy and the engine, and nothing of simx: it is the script that one would write by hand,
with the same threads, and without those of ONNX Runtime that spin after a call.
"""

import sys
import time
from collections.abc import Callable

import numpy as np
import numpy.typing as npt

Picture = npt.NDArray[np.float32]
WARM_UP = 20


def torch_call(name: str, picture: Picture, threads: int) -> Callable[[], object]:
    """Return a call of one of torchvision's networks without its head."""
    import torch  # noqa: PLC0415 - an environment may have one engine alone
    import torchvision  # noqa: PLC0415 - likewise

    torch.set_num_threads(threads)
    network = torchvision.models.get_model(name, weights=None).eval()
    head = "fc" if hasattr(network, "fc") else "classifier"
    setattr(network, head, torch.nn.Identity())
    tensor = torch.from_numpy(picture)

    def call() -> object:
        with torch.inference_mode():
            return network(tensor)

    return call


def ort_call(path: str, picture: Picture, threads: int) -> Callable[[], object]:
    """Return a call of a graph by ONNX Runtime."""
    import onnxruntime  # noqa: PLC0415 - an environment may have one engine alone

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.add_session_config_entry("session.force_spinning_stop", "1")
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    feeds = {session.get_inputs()[0].name: picture}
    return lambda: session.run(None, feeds)


def main(engine: str, network: str, side: int, threads: int) -> None:
    """Load, warm up, and make a call for each line of the standard input."""
    generator = np.random.default_rng(0)
    picture = generator.standard_normal((1, 3, side, side), dtype=np.float32)
    call = {"torch": torch_call, "ort": ort_call}[engine](network, picture, threads)
    for _ in range(WARM_UP):
        call()
    for _ in sys.stdin:
        begun = time.perf_counter_ns()
        call()
        print(time.perf_counter_ns() - begun, flush=True)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4]))
