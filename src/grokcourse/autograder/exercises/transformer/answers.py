"""The right answers to the chapter's "predict before you run" questions, each computed from the package."""

import torch

from ....config import RunConfig
from ....model import Transformer
from ....torch_state import usual_torch


@usual_torch()
def patched_answer() -> str:
    """15, the answer to 5 + 10: all that "=" ever learns about the two numbers comes to it through `attn_out`.

    Its own start is the same in every question. So from there on the model computes just what it computes for 5 + 10,
    to the last digit, trained or not.
    """
    model = Transformer.from_config(RunConfig())
    question, other = torch.tensor([[100, 50, model.p]]), torch.tensor([[5, 10, model.p]])
    logits, cache = model.run_with_cache(other)
    patched, _ = model.run_with_cache(question, {"attn_out": lambda _: cache["attn_out"]})
    return "b" if patched.equal(logits) else "d"
