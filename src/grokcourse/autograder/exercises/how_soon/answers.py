"""The right answer to the chapter's "predict before you run" question, computed from the package."""

from ....how_soon import PowerLaw


def scaled_wait() -> float:
    """A wait of C / (ηλ) steps: nine times the product, a ninth of the wait."""
    main, fast = 1e-3 * 1.0, 3e-3 * 3.0
    law = PowerLaw(constant=6_400 * main, exponent=1.0, spread=0.0)
    return law.wait(fast)
