"""The exercises of chapter 7, progress measures, in the order in which its page has them."""

from ..spec import Exercise

EXERCISES: tuple[Exercise, ...] = (
    Exercise(
        name="restricted_loss",
        chapter="07-progress-measures",
        reference="measures:restricted_loss",
        points=3,
        difficulty=2,
        minutes=10,
        teaches="to ask what a part of a model could do if the rest were silent",
        offers=(
            *("circuit:by_sum", "circuit:of_sum", "fourier:keep_frequencies", "fourier:transform"),  # the ablation
            *("circuit:project_logits", "fourier:cos_of_sum"),  # as projections
            *("circuit:sum_labels", "training:exact_cross_entropy"),  # the loss
        ),
        hints=(
            "Two steps: edit the logits, then take the loss of what is left. Each is one call.",
            "`circuit.ablate_frequencies` keeps some frequencies or drops some. Which of the two is wanted here?",
            "`mean_loss` takes the rows that count as its second argument, and all of them if that is None.",
        ),
    ),
    Exercise(
        name="excluded_loss",
        chapter="07-progress-measures",
        reference="measures:excluded_loss",
        points=2,
        difficulty=1,
        minutes=5,
        teaches="the counterpart: what is left of a model when its circuit is cut out",
        offers=(
            *("circuit:by_sum", "circuit:of_sum", "fourier:keep_frequencies", "fourier:transform"),  # the ablation
            *("circuit:project_logits", "fourier:cos_of_sum"),  # as projections
            *("circuit:sum_labels", "training:exact_cross_entropy"),  # the loss
        ),
        hints=(
            "It differs from `restricted_loss` in one word.",
            "`circuit.ablate_frequencies` takes `keep=` or `drop=`, and leaves the mean alone in both cases.",
        ),
    ),
    Exercise(
        name="excluded_end",
        chapter="07-progress-measures",
        reference="autograder.exercises.progress_measures.answers:excluded_end",
        points=1,
        difficulty=2,
        minutes=3,
        teaches="to tell knowing nothing from being sure of nothing",
        hints=(
            "Without the waves, what could still answer a training question? Has weight decay left it standing?",
            "Guessing means equal logits for all candidates. What do logits do that are small, but not equal?",
        ),
        question=True,
    ),
    Exercise(
        name="excluded_loss_each",
        chapter="07-progress-measures",
        reference="measures:excluded_loss_each",
        points=3,
        difficulty=2,
        minutes=15,
        teaches="to sweep an ablation over everything it could be about, with no favourite",
        offers=(
            *(
                "measures:excluded_loss",
                "measures:mean_loss",
                "circuit:ablate_frequencies",
            ),  # of one after the other
            *("circuit:of_sum", "circuit:project_logits", "fourier:keep_frequencies", "fourier:cos_of_sum"),
            "training:exact_cross_entropy",
        ),
        hints=(
            "For p numbers there are p // 2 frequencies, and the result has one entry more.",
            "Entry 0 has nothing taken out: the plain `mean_loss`.",
            "A loop over k with the excluded loss of the list `[k]` will do. Collect the losses, and stack them.",
        ),
    ),
    Exercise(
        name="gini",
        chapter="07-progress-measures",
        reference="measures:gini",
        points=3,
        difficulty=2,
        minutes=15,
        teaches="to put how unequally something is shared into one number",
        hints=(
            "The definition can be taken literally: `values[:, None] - values` holds every difference.",
            "Or sort first, the smallest in front, and use the formula with one sum. Mind where i begins.",
            "Try it on `[0, 0, 0, 1]`: the result should be three quarters.",
        ),
    ),
    Exercise(
        name="weight_norms",
        chapter="07-progress-measures",
        reference="measures:weight_norms",
        points=1,
        difficulty=1,
        minutes=5,
        teaches="to read a quantity off every weight of a model, whatever it is made of",
        hints=(
            "`model.parameters()` goes through all weights, those of its parts included.",
            "Each has a method `norm`. `torch.stack` makes one tensor of a list of numbers.",
            "It is a measurement: `torch.no_grad()` keeps the result off the graph.",
        ),
    ),
    Exercise(
        name="first_to_announce",
        chapter="07-progress-measures",
        reference="autograder.exercises.progress_measures.answers:first_to_announce",
        points=1,
        difficulty=2,
        minutes=5,
        teaches="to read a family of curves for what moves first, and by which rule",
        hints=(
            "Look at the figure with all measures, at the left: which curve is already on its way?",
            "A tenth of the way, from the end of memorisation on; losses count in logarithms.",
        ),
        question=True,
    ),
    Exercise(
        name="announced",
        chapter="07-progress-measures",
        reference="measures:announced",
        points=3,
        difficulty=3,
        minutes=15,
        teaches="to turn the picture of a curve into a date, by a rule that treats all curves alike",
        hints=(
            "First throw away all that comes before `start`; then take logarithms if they are asked for.",
            "The way is the last value minus the first. How far along it is each value, as a share?",
            "A quotient of two differences has the right sign, whether the measure rises or falls.",
            "`np.argmax` of a list of truths finds the first that is true.",
        ),
    ),
)
