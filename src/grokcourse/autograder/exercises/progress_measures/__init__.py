"""The exercises of chapter 7, progress measures, in the order in which its page has them."""

from ..spec import Choice, Exercise

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
        name="by_chance",
        chapter="07-progress-measures",
        reference="measures:by_chance",
        points=2,
        difficulty=2,
        minutes=12,
        teaches="to ask of every finding how easily chance would have given it",
        offers=(
            *("measures:mean_loss", "circuit:ablate_frequencies"),  # the restricted loss
            *("circuit:by_sum", "circuit:of_sum", "fourier:keep_frequencies", "fourier:transform"),
        ),
        hints=(
            "You need one loss of the key frequencies, and one of each draw. Smaller is better.",
            "As well as the key ones: count those whose loss is not larger.",
            "With the key frequencies as one more draw, both the count and the number of draws grow by one.",
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
        choices=(
            Choice(
                "Near zero: the training answers have never been forgotten.",
                "Then the list of the training answers would still be there, unused, after all that decay.",
            ),
            Choice(
                "Well below guessing: about half of the list is left.",
                "Half a list would still answer something; decay has left nothing of it that does.",
            ),
            Choice(
                "At guessing, $\\log 113 = 4.73$: without its circuit the model knows nothing.",
                "It knows nothing, and yet does not guess evenly: what is left favours some candidates.",
            ),
            Choice(
                "Above guessing.",
                "What is left favours some candidates, and to be a little sure and wrong costs more than guessing.",
            ),
        ),
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
        name="two_voices",
        chapter="07-progress-measures",
        reference="measures:two_voices",
        points=4,
        difficulty=3,
        minutes=25,
        teaches="to weigh two parts of a model against each other, on one scale and question by question",
        offers=(
            *("circuit:by_sum", "circuit:of_sum", "fourier:keep_frequencies", "fourier:transform"),  # the ablation
            *("circuit:project_logits", "fourier:cos_of_sum"),  # as projections
        ),
        hints=(
            "First two tables that add up to the logits: the logits without the key waves, and what was taken out.",
            "The rival is the wrong candidate with the highest logit: put −∞ in the right answer's place, on a copy, "
            "and `argmax` finds it.",
            "Row a · p + b of `logits.reshape(p * p, p)` is a question; `circuit.sum_labels(p)` has the right answers.",
            "`gather` picks one candidate from each row. Pick the right answer and the rival in both tables, subtract, "
            "and take the questions' rows last.",
        ),
    ),
    Exercise(
        name="balance_tips",
        chapter="07-progress-measures",
        reference="autograder.exercises.progress_measures.answers:balance_tips",
        points=1,
        difficulty=2,
        minutes=4,
        teaches="to see an event as a balance that tips",
        hints=(
            "Where the sum is zero, the right answer and its rival are equally likely, on the average question.",
            "What is the loss of a model that is as often ahead as behind, and how does it compare with guessing?",
        ),
        question=True,
        choices=(
            Choice(
                "Where the excluded loss turns: the list stops growing.",
                "There the circuit is only beginning; its lead is far too small to hold against the list.",
            ),
            Choice(
                "Where the excluded loss passes guessing: the list is worth nothing without the circuit.",
                "On questions that it does not list, the list still speaks with conviction, and is louder.",
            ),
            Choice(
                "Where the test loss passes guessing.",
                "As long as the louder voice is wrong, it costs more than guessing; when the two are equal, that ends.",
            ),
            Choice(
                "Where the test set is answered.",
                "By then the sum must be well above zero, for a lead of zero on average leaves half of them wrong.",
            ),
        ),
    ),
    Exercise(
        name="lead_on_the_list",
        chapter="07-progress-measures",
        reference="autograder.exercises.progress_measures.answers:lead_on_the_list",
        points=1,
        difficulty=2,
        minutes=4,
        teaches="to tell a model that is done from one that is in balance",
        hints=(
            "Two things act on every lead: the gradient makes it larger, weight decay makes it smaller.",
            "The training loss hangs on this sum, and you have seen how it goes along the plateau.",
        ),
        question=True,
        choices=(
            Choice(
                "It grows: the gradient always asks for more.",
                "So it does without weight decay; with it, each step takes away what a step has brought.",
            ),
            Choice(
                "It shrinks: the weights get smaller all the time.",
                "The weights do, but what is left of them is put to better use.",
            ),
            Choice(
                "It stands still.",
                "Gradient and decay balance. Only who provides the lead changes.",
            ),
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
            "A tenth of the way, from where the training set is answered; losses count in logarithms.",
        ),
        question=True,
        choices=(
            Choice(
                "The restricted loss.",
                "It has many powers of ten to fall through, and is late with the first tenth of them.",
            ),
            Choice(
                "The excluded loss.",
                "As soon as the logits hold a wave of the sum, the answers lean on it, and to lose it costs.",
            ),
            Choice(
                "The Gini coefficient of the embedding.", "The spectrum sharpens steadily, but mostly in the clean-up."
            ),
            Choice(
                "The share of specialised neurons.",
                "A neuron counts only once nearly all of it is one frequency: that is a late mark, not an early one.",
            ),
        ),
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
    Exercise(
        name="alarm",
        chapter="07-progress-measures",
        reference="measures:alarm",
        points=3,
        difficulty=2,
        minutes=15,
        teaches="to make a warning of a measure, from what is known at the time and nothing else",
        hints=(
            "Column 0 is the loss with nothing taken out. How much more is the loss without frequency k?",
            "A checkpoint rings if any frequency's damage is above the line. Which checkpoints count?",
            "`np.flatnonzero` lists where something is true; the list may be empty.",
            "Column k of `each` is frequency k. Mind which column you have cut off before you look for the largest.",
        ),
    ),
)
