"""The exercises of chapter 8, other tasks, in the order in which its page has them."""

from ..spec import Choice, Exercise

EXERCISES: tuple[Exercise, ...] = (
    Exercise(
        name="random_answers_unseen",
        chapter="08-other-tasks",
        reference="autograder.exercises.other_tasks.answers:random_answers_unseen",
        points=1,
        difficulty=1,
        minutes=3,
        teaches="that a model cannot generalise where there is nothing to be found",
        hints=(
            "Is there anything in the training set that tells about an answer that is not in it?",
            "How often is a guess right that knows nothing at all?",
        ),
        question=True,
        choices=(
            Choice(
                "None at all: it is trained on other answers.",
                "To avoid the right answer always, it would have to know it. A guess is right by accident, at times.",
            ),
            Choice(
                "About one in 113.",
                "What it has learnt says nothing about the others, so that it is right as often as a blind guess.",
            ),
            Choice(
                "About a third, as many as it has been trained on.",
                "That would be so if the unseen answers were those of the training set: each was drawn for itself.",
            ),
            Choice(
                "Nearly all, only later than with addition.",
                "Weight decay can favour a rule over a list, if there is one. Here there is none.",
            ),
        ),
    ),
    Exercise(
        name="discrete_logarithm",
        chapter="08-other-tasks",
        reference="groups:discrete_logarithm",
        points=3,
        difficulty=2,
        minutes=15,
        teaches="that multiplication is addition, in another order of the numbers",
        hints=(
            "Go through the powers of the primitive root one after the other: 1, g, g², … What does each tell you?",
            "If g³ is 27, then the logarithm of 27 is 3: the power is the place, and the exponent the entry.",
            "Start with p entries of −1 and a power of 1; p − 1 times, write the exponent down and multiply by g.",
            "Take each power modulo p at once: as whole numbers they soon have hundreds of digits.",
        ),
    ),
    Exercise(
        name="inverses",
        chapter="08-other-tasks",
        reference="groups:inverses",
        points=2,
        difficulty=2,
        minutes=10,
        teaches="to read a group's table: where is the element that changes nothing, and who leads to it",
        hints=(
            "First find the element that changes nothing. What does its row of the table look like?",
            "In each row of the table that element stands once. In which column?",
            "`table == e` is true once a row, and `argmax` of ones and zeros says where.",
        ),
    ),
    Exercise(
        name="task_of_table",
        chapter="08-other-tasks",
        reference="groups:task_of_table",
        points=2,
        difficulty=2,
        minutes=10,
        teaches="that any table is a task: what the model is shown are symbols, whatever they stand for",
        hints=(
            "Of how many questions is the table made, and in which order does `flatten` go through its answers?",
            "`torch.cartesian_prod` of the numbers with themselves gives all pairs, the second running fastest.",
            "The sign = is a symbol of its own: the first number that is no element, n.",
        ),
    ),
    Exercise(
        name="keep_representation",
        chapter="08-other-tasks",
        reference="groups:keep_representation",
        points=4,
        difficulty=4,
        minutes=25,
        teaches="what takes the place of a frequency where the task is no longer addition",
        offers=("groups:inverses",),
        hints=(
            "The sum over h is a matrix product: a table with an entry for each g and h, times the function.",
            "`table[g, inverses(table)[h]]` is the number of g · h⁻¹. For all g and h at once, index with tensors.",
            "The degree is the value of the character at the element that changes nothing, and that may not be 0.",
            "`tensordot(…, dims=1)` multiplies along the first dimension, however many others there are.",
        ),
    ),
    Exercise(
        name="restricted_loss_per_representation",
        chapter="08-other-tasks",
        reference="groups:restricted_loss_per_representation",
        points=4,
        difficulty=4,
        minutes=20,
        teaches="to test by ablation which representations a model answers with",
        offers=("groups:keep_representation",),
        hints=(
            "Only some questions count. Pick their rows first: the logits as n² rows of n, indexed with the questions.",
            "`keep_representation` wants a function on the group in its first dimension. Which of the logits' "
            "dimensions is that, if they are to be a function of the answer?",
            "The right answers are in the table, in the same order as the rows: `table.flatten()[questions]`.",
            "`torch.nn.functional.cross_entropy` takes rows of logits and right answers, and returns the mean.",
        ),
    ),
)
