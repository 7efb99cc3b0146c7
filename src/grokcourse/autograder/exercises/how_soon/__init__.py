"""The exercises of "How soon can it grok?", in the order in which its page has them."""

from ..spec import Choice, Exercise

EXERCISES: tuple[Exercise, ...] = (
    Exercise(
        name="scaled_wait",
        chapter="11-how-soon",
        reference="autograder.exercises.how_soon.answers:scaled_wait",
        points=1,
        difficulty=1,
        minutes=3,
        teaches="to turn a clock into a prediction before the runs can bend it",
        hints=(
            "Weight decay sets a clock, $1/(\\eta\\lambda)$. How many times as fast does it go here?",
            "Both numbers are three times as large, and the clock has their product.",
        ),
        question=True,
        choices=(
            Choice(
                "step {value:,.0f}",
                "The product $\\eta\\lambda$ is nine times as large, and so the clock goes nine times as fast.",
            ),
            Choice(
                "step {value:,.0f}", "That counts one of the two factors: both of them are three times as large.", 2133
            ),
            Choice("step {value:,.0f}", "That adds the two factors of three; the share taken off is a product.", 1067),
            Choice("step {value:,.0f}", "So late it would be if the clock went nine times as slowly.", 57600),
        ),
    ),
    Exercise(
        name="fit_power_law",
        chapter="11-how-soon",
        reference="how_soon:fit_power_law",
        points=3,
        difficulty=2,
        minutes=15,
        teaches="that a power law is a straight line between logarithms, and its exponent a slope",
        hints=(
            "Take the logarithm of both sides of wait = C / rateᵅ. Which straight line is that, and what are its slope "
            "and its height?",
            "The slope of the line of least squares is Σ(x − x̄)(y − ȳ) / Σ(x − x̄)², and it goes through (x̄, ȳ).",
            "The law divides by rateᵅ: α is the slope with the other sign. And C is not yet what the line's height is.",
        ),
    ),
    Exercise(
        name="expected_beyond",
        chapter="11-how-soon",
        reference="how_soon:expected_beyond",
        points=3,
        difficulty=3,
        minutes=15,
        teaches="what an unfinished run still tells, and how to use no more than that",
        hints=(
            "Begin with z, the bound's distance above the mean in units of the spread.",
            "`torch.distributions.Normal(0, 1)` has `log_prob`, whose `exp()` is φ, and `cdf`, which is Φ.",
            "Φ(−z) is the chance of *more* than z. With a bound far below the mean it is nearly 1, and φ(z) nearly 0.",
        ),
    ),
    Exercise(
        name="orthogonal_gradient",
        chapter="11-how-soon",
        reference="optimisers:orthogonal_gradient",
        points=3,
        difficulty=2,
        minutes=15,
        teaches="to take a vector's part along another one away",
        hints=(
            "How much of the gradient lies along w is (w · g) / (w · w), and that part is this number times w.",
            "`(weight * grad).sum()` is the dot product of two whole tensors, whatever their shape.",
            "What is left is shorter than before. By which factor do you make it as long again?",
            "A tiny number added to what you divide by keeps a weight of zeros, as biases begin, from giving NaN.",
        ),
    ),
)
