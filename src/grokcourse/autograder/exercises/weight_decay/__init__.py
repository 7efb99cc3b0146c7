"""The exercises of chapter 3, weight decay, in the order in which its page has them."""

from ..spec import Choice, Exercise

EXERCISES: tuple[Exercise, ...] = (
    Exercise(
        name="sgd_update",
        chapter="03-weight-decay",
        reference="training:sgd_update",
        points=2,
        difficulty=1,
        minutes=5,
        teaches="that weight decay is a pull towards zero which does not ask the loss",
        hints=(
            "Two things are taken off the weight. Which of them would be left if the gradient were zero?",
            "The learning rate stands in front of both.",
            "`weight - …` makes a new tensor; `weight -= …` would change the caller's.",
        ),
    ),
    Exercise(
        name="halving_steps",
        chapter="03-weight-decay",
        reference="autograder.exercises.weight_decay.answers:halving_steps",
        points=1,
        difficulty=1,
        minutes=3,
        teaches="to read $1/(\\eta\\lambda)$ as a clock",
        hints=(
            "After one step the share $1 - \\eta\\lambda$ is left. And after two, after $n$?",
            "You are looking for the $n$ with $0.999^n = 0.5$: logarithms, or a loop.",
        ),
        question=True,
        choices=(
            Choice(
                "{value:.0f} steps",
                "Each step takes a thousandth of what is still there, and not of what there was at first.",
                500,
            ),
            Choice(
                "{value:.0f} steps",
                "Each step leaves 0.999 of it, and half is gone before the clock $1/(\\eta\\lambda)$ has gone round.",
            ),
            Choice(
                "{value:,.0f} steps", "That is $1/(\\eta\\lambda)$ itself: by then only about a third is left.", 1000
            ),
            Choice("{value:,.0f} steps", "So slow is a decay of 0.1; here $\\lambda$ is 1.", 6931),
        ),
    ),
    Exercise(
        name="adamw_update",
        chapter="03-weight-decay",
        reference="training:adamw_update",
        points=4,
        difficulty=3,
        minutes=20,
        teaches="what AdamW does with a gradient, and that the decay goes past all of it",
        offers=("training:sgd_update",),  # its last line is a step along another gradient
        hints=(
            "Go line by line: first the two running means, then the two corrected ones, then the weight.",
            "What you return are the running means; the ones with hats serve this step only.",
            "$\\beta_1^{\\,t}$ is `betas[0] ** step`. The decay meets the weight alone, in the last line.",
            "ε is added after the root is taken. In the first step each weight should move by about `lr`.",
        ),
    ),
    Exercise(
        name="first_to_grok",
        chapter="03-weight-decay",
        reference="autograder.exercises.weight_decay.answers:first_to_grok",
        points=1,
        difficulty=1,
        minutes=3,
        teaches="to make a theory say something that the next figure can refute",
        hints=(
            "What has to happen during the wait, and what does it?",
            "Write down the clock $1/(\\eta\\lambda)$ of each run.",
        ),
        question=True,
        choices=(
            Choice(
                "$\\lambda = 0.1$: the gentlest decay gets least in the way of learning.",
                "Nor does it get in the way of what was memorised, which can stay for a long time.",
            ),
            Choice("$\\lambda = 0.3$: a middle course.", "More decay than this wears the list of answers down faster."),
            Choice(
                "$\\lambda = 1$: the decay that this course uses throughout.",
                "Its clock $1/(\\eta\\lambda)$ is three times as slow as the fastest of the four.",
            ),
            Choice(
                "$\\lambda = 3$: the strongest decay presses hardest.",
                "Its clock $1/(\\eta\\lambda)$ is the fastest, and what is not paid for goes soonest.",
            ),
        ),
    ),
    Exercise(
        name="weight_norm",
        chapter="03-weight-decay",
        reference="training:weight_norm",
        points=2,
        difficulty=2,
        minutes=8,
        teaches="to treat a whole model as one long vector",
        hints=(
            "`model.parameters()` goes through all weights of a module, those of its parts included.",
            "Add up the squares of everything first. How many roots do you take in the end?",
            "`.item()` makes a plain number of a tensor with one element.",
        ),
    ),
)
