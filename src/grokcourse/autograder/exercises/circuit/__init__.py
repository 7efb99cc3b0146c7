"""The exercises of chapter 6, the circuit, in the order in which its page has them."""

from ..spec import Choice, Exercise

EXERCISES: tuple[Exercise, ...] = (
    Exercise(
        name="neuron_weights",
        chapter="06-circuit",
        reference="circuit:neuron_weights",
        points=2,
        difficulty=2,
        minutes=10,
        teaches="that where nothing bends, a chain of matrices is one matrix",
        hints=(
            "Follow one number: its row of W_E, then the head's values, its output, the neurons. Four factors.",
            "`@` multiplies the last two dimensions and leaves a dimension of heads in front of them alone.",
            "No scale, no softmax, no ReLU: those come elsewhere.",
        ),
    ),
    Exercise(
        name="energy_2d",
        chapter="06-circuit",
        reference="circuit:energy_2d",
        points=3,
        difficulty=3,
        minutes=20,
        teaches="to read a table over a and b as waves of a times waves of b",
        offers=("fourier:transform", "fourier:fourier_basis"),  # twice, in place of the transform in 2D
        hints=(
            "`fourier.transform_2d` gives the components. Square them first, add up afterwards.",
            "Rows 1 and 2 of the components are frequency 1, rows 3 and 4 frequency 2; the columns likewise.",
            "`fourier.frequencies(p)` says which frequency each row has. `index_add` adds rows up by such a list.",
            "Check yourself: all entries together are the sum of all squares of the table.",
        ),
    ),
    Exercise(
        name="frequency_shares",
        chapter="06-circuit",
        reference="circuit:frequency_shares",
        points=3,
        difficulty=3,
        minutes=20,
        teaches="to say how much of a neuron one frequency explains, in numbers",
        offers=("fourier:transform_2d", "fourier:frequencies"),  # from the components instead of the energies
        hints=(
            "Which entries of the two-dimensional spectrum belong to frequency k alone? There are three.",
            "Waves of a alone stand where the frequency in b is 0, and the other way round.",
            "A variance is the energy without that of the constant. Each neuron has its own.",
            "A neuron that is always 0 must not give NaN: what is 0 / 0 to be?",
        ),
    ),
    Exercise(
        name="unembedding_directions",
        chapter="06-circuit",
        reference="circuit:unembedding_directions",
        points=3,
        difficulty=2,
        minutes=15,
        teaches="what it means that a matrix reads along a few directions only",
        offers=("fourier:fourier_basis", "fourier:frequencies"),  # in place of the transform
        hints=(
            "Along which dimension of W_logit do the candidates run?",
            "`fourier.transform` has the components in waves of length one. By how much are plain cosines longer?",
            "A plain wave on p numbers has the length $\\sqrt{p/2}$.",
        ),
    ),
    Exercise(
        name="opposite_numbers",
        chapter="06-circuit",
        reference="autograder.exercises.circuit.answers:opposite_numbers",
        points=1,
        difficulty=1,
        minutes=5,
        teaches="where averaging two points on a circle fails as a way to add them",
        hints=(
            "Draw the dial, and mark the midpoint of 1 and 7, and that of 2 and 8.",
            "What do 1 + 7 and 2 + 8 make?",
        ),
        question=True,
        choices=(
            Choice(
                "Its hour lies in the direction of the midpoint.",
                "For 1 and 3 it does; the midpoint of opposite hours is the centre, which lies in no direction.",
            ),
            Choice(
                "All of it: twice the midpoint is the sum.",
                "Twice the midpoint is a sum of two *points*, and for opposite hours it is always the same.",
            ),
            Choice("Nothing at all.", "The midpoint is the centre of the dial, whichever two they are."),
            Choice("Whether it is larger than 12.", "Even that would be more than the centre of the dial can say."),
        ),
    ),
    Exercise(
        name="project_logits",
        chapter="06-circuit",
        reference="circuit:project_logits",
        points=3,
        difficulty=3,
        minutes=20,
        teaches="to ask a table for exactly what the algorithm needs, and leave the rest aside",
        offers=(
            *("fourier:fourier_basis", "fourier:frequencies", "fourier:cos_of_sum"),  # to make the directions of
            "fourier:transform_2d",  # which has them in its blocks
        ),
        hints=(
            "Make the table of $\\cos\\omega_k(a+b)$ for all a and b. It is one direction among p² of them.",
            "Divide it by its length: the root of the sum of all its squares.",
            "A component is a dot product over all questions, for each candidate by itself.",
            "The sine's table goes the same way. Frequencies first, then cosine and sine, then the candidates.",
        ),
    ),
    Exercise(
        name="clock_logits",
        chapter="06-circuit",
        reference="circuit:clock_logits",
        points=4,
        difficulty=3,
        minutes=25,
        teaches="the whole algorithm, by writing it instead of training it",
        offers=("fourier:fourier_basis", "fourier:cos_of_sum"),  # the waves, and their product
        hints=(
            "Embed: two tables, the cosine and the sine of $\\omega_k n$ for every number n and frequency.",
            "Multiply: the rows of a with the rows of b give the cosine and sine of $\\omega_k(a+b)$.",
            "Read out: $\\cos(x - y) = \\cos x\\cos y + \\sin x\\sin y$, now with $y = \\omega_k c$.",
            "The sum over the frequencies is a matrix product with the table of the candidates.",
        ),
    ),
)
