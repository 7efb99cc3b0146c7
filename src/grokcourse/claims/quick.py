"""The same claims on ten quick runs, to see how far three runs speak for others.

These differ in more than the seed from the runs that the verdicts rest on: they are trained at three times the learning
rate and weight decay, and end when they have just grokked. So they have no part in a verdict.
"""

from collections.abc import Sequence

from ..quick_runs import SeedRun
from .case import SEEDS, Case
from .claim import Checked, Claim
from .measured import each

NOT_ASKED = {
    **dict.fromkeys(
        ("fast-training", "delay", "when", "memorisation", "train-loss-500", "cliff"),
        "a quick setting moves its dates on purpose",
    ),
    **dict.fromkeys(
        ("structure-understanding", "structure-memorised"), "the quick runs do not record what it is measured on"
    ),
}
"""By name, the claims about each of the three seeds that are not measured on the quick runs, and why."""
PAIRS = "different-frequencies"
"""The claim that is about each pair of seeds."""


def is_quick(claim: Claim) -> bool:
    """Whether a claim is measured on the quick runs: if it is about each seed, or each pair, and not ``NOT_ASKED``."""
    about_seeds = isinstance(claim.measure, each) and claim.measure.names == SEEDS
    return (about_seeds or claim.name == PAIRS) and claim.name not in NOT_ASKED


def measure(case: Case, claims: Sequence[Claim]) -> dict[str, float]:
    """By name, the values of the claims that a quick run by itself has one for.

    Args:
        case: the run, with all its checkpoints.
        claims: to choose from.
    """
    return {claim.name: float(claim.measured_by(case)) for claim in claims if is_quick(claim) and claim.name != PAIRS}


def check(claim: Claim, seeds: Sequence[SeedRun]) -> Checked | None:
    """A claim on the quick runs; None if it is not measured on them.

    Args:
        claim: any.
        seeds: as recorded.
    """
    if not is_quick(claim):
        return None
    if claim.name != PAIRS:
        return Checked(claim, {f"quick seed {run.seed}": run.claims[claim.name] for run in seeds})
    pairs = ((a, b) for i, a in enumerate(seeds) for b in seeds[i + 1 :])
    return Checked(
        claim,
        {
            f"quick seeds {a.seed} and {b.seed}": len(set(a.key) & set(b.key)) / len(set(a.key) | set(b.key))
            for a, b in pairs
        },
    )
