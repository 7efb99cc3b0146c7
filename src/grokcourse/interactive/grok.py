"""The data of the picture ``grok``: what a small model starts from, to be trained in the page."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from .ask import WEIGHTS
from .packing import identify, quantise, script, single


def grok(*, config: Mapping[str, Any], options: Mapping[str, Any], seeds: Sequence[int]) -> str:
    """What the page needs to be set up; what a seed draws comes seed by seed (``start``).

    Args:
        config: the hyperparameters with which the page begins, by name: a config's ``to_dict``. Its operation must be
            addition, which is what the page trains.
        options: those of them that ``grokcourse train`` must be told, by name.
        seeds: those that can be chosen; ``start`` of each must be beside this file, as ``grok-SEED.js``.

    Returns:
        A script (``packing.script``).

    Raises:
        ValueError: if the config's seed is none of the seeds, or its operation is not addition.
    """
    if config["operation"] != "add":
        raise ValueError(f"the page trains addition, not {config['operation']!r}")
    if config["seed"] not in seeds or config["split_seed"] != config["seed"]:
        raise ValueError(f"the page begins with one of its seeds, {', '.join(map(str, seeds))}, for weights and split")
    return script("grok", {}, {"config": dict(config), "options": dict(options), "seeds": list(seeds)})


def start(seed: int, parameters: Mapping[str, ArrayLike], order: ArrayLike) -> str:
    """What a seed draws: the initial weights, and the order of the questions of which the first are trained on.

    Args:
        seed: of both.
        parameters: name → array, for every name in ``WEIGHTS``: an untrained model's ``state_dict``.
        order: (p²,) the questions a · p + b, shuffled, as ``tasks.split`` shuffles them.

    Returns:
        A script (``packing.script``) for the file ``grok-SEED.js``: the weights in float32, exact.

    Raises:
        ValueError: if a name is missing, a weight is not finite, or the order is not one of 0 … p² − 1 below 65,536.
    """
    if missing := [name for name in WEIGHTS if name not in parameters]:
        raise ValueError(f"the weights lack {', '.join(missing)}")
    order = np.asarray(order)
    if not np.array_equal(np.sort(order), np.arange(len(order))) or len(order) > 2**16:
        raise ValueError("the order must have every question once, and 65,536 of them at most")
    arrays = [np.asarray(parameters[name], dtype=np.float32) for name in WEIGHTS]
    facts = {
        "seed": int(seed),
        "parameters": [[name, list(array.shape)] for name, array in zip(WEIGHTS, arrays, strict=True)],
        "run": identify(*arrays, order),
    }
    packed = {
        "weights": single(np.concatenate([array.ravel() for array in arrays])),
        "order": quantise(order, 16, 0, 2**16 - 1),
    }
    return script(f"grok-{seed}", packed, facts)
