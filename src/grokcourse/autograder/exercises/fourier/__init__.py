"""The exercises of chapter 5, Fourier analysis, in the order in which its page has them."""

from ..spec import Choice, Exercise

EXERCISES: tuple[Exercise, ...] = (
    Exercise(
        name="fourier_basis",
        chapter="05-fourier",
        reference="fourier:fourier_basis",
        points=4,
        difficulty=3,
        minutes=20,
        teaches="that p waves, scaled to length one, are all the building blocks that p numbers need",
        offers=("fourier:frequencies",),  # of the rows
        hints=(
            "Make the rows without a scale first: ones, then cosine and sine of each frequency 1, 2, … p // 2.",
            "For every frequency the angles are $2\\pi k n/p$, with $n$ = `torch.arange(p)`.",
            "Dividing each row by its own length scales them all, and you need no formula for it.",
            "For even p you get a row too many. Which of the waves is zero at every whole number?",
            "Compute in float64 and convert at the very end: float32 is too coarse for large angles.",
        ),
    ),
    Exercise(
        name="transform",
        chapter="05-fourier",
        reference="fourier:transform",
        points=3,
        difficulty=2,
        minutes=15,
        teaches="that taking a function apart is one matrix product, along one dimension",
        hints=(
            "For a single function it is one product of a matrix and a vector. Which side does the basis stand on?",
            "For a table, move `dim` to the end (`movedim`), multiply by the basis turned round, move it back.",
            "`fourier_basis` takes the dtype as an argument: the basis should have that of `x`.",
        ),
    ),
    Exercise(
        name="shifted_spectrum",
        chapter="05-fourier",
        reference="autograder.exercises.fourier.answers:shifted_spectrum",
        points=1,
        difficulty=1,
        minutes=3,
        teaches="that a frequency's energy does not depend on where its wave begins",
        hints=(
            "Take a single wave. What of it changes when it is shifted: its number of periods, its height?",
            "Write $\\cos(\\omega n - 3\\omega)$ as so much $\\cos\\omega n$ and so much $\\sin\\omega n$.",
        ),
        question=True,
        choices=(
            Choice(
                "They move up by three frequencies.",
                "A wave that is shifted has as many periods as before: its frequency stays.",
            ),
            Choice(
                "Nothing at all.",
                "A shift only changes how a frequency's energy is shared between its cosine and its sine.",
            ),
            Choice(
                "They all become a little smaller.",
                "Then energy would be lost, but the squared values add up to the same after a shift.",
            ),
            Choice(
                "Each may become larger or smaller, since cosine and sine have changed.",
                "They do change, but the one loses what the other gains: add their squares.",
            ),
        ),
    ),
    Exercise(
        name="energy_per_frequency",
        chapter="05-fourier",
        reference="fourier:energy_per_frequency",
        points=3,
        difficulty=2,
        minutes=15,
        teaches="to read a spectrum: which rows belong to one frequency, and that no energy is lost",
        offers=("fourier:fourier_basis",),  # in place of the transform
        hints=(
            "Transform, square, and add up everything but the direction of the basis functions.",
            "Row 0 is frequency 0, rows 1 and 2 are frequency 1, rows 3 and 4 are frequency 2. And frequency k?",
            "For even p the last frequency has one row only. `frequencies(p)` says which row belongs to which.",
            "Check yourself: the energies must add up to the sum of all squared entries.",
        ),
    ),
    Exercise(
        name="circle",
        chapter="05-fourier",
        reference="fourier:circle",
        points=3,
        difficulty=3,
        minutes=15,
        teaches="that a transform does not only measure: its components are directions to look along",
        offers=("fourier:fourier_basis",),  # in place of the transform
        hints=(
            "Which two rows of `transform(matrix)` belong to the cosine and the sine of frequency k?",
            "Scale each of the two to length one by itself (`norm(dim=1, keepdim=True)`).",
            "A number's coordinate along a direction is a dot product: one matrix product does them all.",
        ),
    ),
    Exercise(
        name="key_frequencies",
        chapter="05-fourier",
        reference="fourier:key_frequencies",
        points=3,
        difficulty=3,
        minutes=15,
        teaches="to draw the line between spike and background by a rule",
        hints=(
            "Leave the constant out from the start. How do you get from a place in what is left to a frequency?",
            "Two conditions, joined by `&`: one against the median, one against the largest.",
            "`argsort(descending=True)` has the places in the order of the energies. Keep those that stand out.",
        ),
    ),
    Exercise(
        name="cos_of_sum",
        chapter="05-fourier",
        reference="fourier:cos_of_sum",
        points=2,
        difficulty=2,
        minutes=10,
        teaches="how multiplying waves adds numbers, wrap-around included",
        hints=(
            "The identity needs four waves: the cosine and the sine of a, and the same two of b.",
            "Each of its products is a table: one wave down the rows, one along the columns.",
            "`torch.outer(x, y)` makes such a table, and so does `x[:, None] * y[None, :]`.",
        ),
    ),
    Exercise(
        name="keep_frequencies",
        chapter="05-fourier",
        reference="fourier:keep_frequencies",
        points=3,
        difficulty=2,
        minutes=10,
        teaches="to take a part out of a matrix cleanly, which is what an ablation needs",
        offers=("fourier:fourier_basis",),  # projections on its rows
        hints=(
            "Three steps: take the matrix apart, set to zero what shall go, put the rest together again.",
            "Each frequency owns two rows of the components, the constant one.",
            "`frequencies(p)` gives every row's frequency, and `torch.isin` says which of them are in a list.",
        ),
    ),
)
