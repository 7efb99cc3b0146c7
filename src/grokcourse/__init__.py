"""grokcourse: train a one-layer transformer until it groks modular addition, then read its algorithm off its weights.

The modules, from the bottom up: ``config`` (every hyperparameter), ``tasks`` (questions, labels, the split),
``model`` (the transformer), ``training`` (the loop), ``runs`` (a run on disk), ``fourier`` (the Fourier basis of Z_p)
and ``plots`` (every figure). Importing the package itself imports none of them, so that it costs nothing.
"""

__version__ = "0.1.0"
