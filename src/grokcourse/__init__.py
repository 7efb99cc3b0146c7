"""grokcourse: train a one-layer transformer until it groks modular addition, then read its algorithm off its weights.

The modules, from the bottom up: ``config`` (every hyperparameter), ``tasks`` (questions, labels, the split),
``model`` (the transformer), ``runs`` (a run on disk), ``training`` (the loop), ``batched`` (many runs at once),
``optimisers`` and ``steps`` (other ways to train), ``how_soon`` (the wait as a law),
``fourier`` (the Fourier basis of Z_p), ``groups`` (what takes its place in other groups), ``circuit`` (what the
weights compute), ``pizza`` (which of two circuits that is), ``superposition`` (features that share dimensions, sparse
autoencoders), ``measures`` (progress measures along a run), ``interop`` (models and runs of other projects), ``plots``
(every figure), ``interactive`` (the data of those that move) and ``claims`` (what papers say, held against our runs).
``autograder`` has the exercises and grades them, ``machine`` says what there is to compute with, ``publishing`` makes
pages and notebooks of the chapters, and ``cli`` is the command.
Importing the package itself imports none of them, so that it costs nothing.
"""

__version__ = "0.1.0"
