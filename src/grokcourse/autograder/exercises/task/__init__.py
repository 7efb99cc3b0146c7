"""The exercises of chapter 1, the task, in the order in which its page has them."""

import math

from ..spec import Choice, Exercise

EXERCISES: tuple[Exercise, ...] = (
    Exercise(
        name="all_questions",
        chapter="01-task",
        reference="tasks:all_questions",
        points=2,
        difficulty=1,
        minutes=10,
        teaches="what the model's whole world looks like as one tensor",
        hints=(
            "There are p · p rows. Which numbers stand in the column of `b`, read from the top?",
            "`torch.cartesian_prod` makes all pairs of two lists of numbers; two nested loops do, too.",
            "The third column is the same number in every row: the index of the token `=`.",
        ),
    ),
    Exercise(
        name="add_modulo",
        chapter="01-task",
        reference="tasks:add_modulo",
        points=1,
        difficulty=1,
        minutes=5,
        teaches="to compute with all questions at once instead of one by one",
        hints=(
            "`a` and `b` are tensors. `a + b` adds them entry by entry; you need no loop.",
            "What remains after dividing by p? Python has an operator for it, and it works on tensors as well.",
            "Which comes first, the sum or the remainder? If in doubt, use brackets.",
        ),
    ),
    Exercise(
        name="split",
        chapter="01-task",
        reference="tasks:split",
        points=3,
        difficulty=2,
        minutes=15,
        teaches="how to leave questions out at random, and yet in a way that anyone can repeat",
        hints=(
            "Think of the rows as a pile of cards: shuffle it, and cut it in two.",
            "A shuffle that obeys a seed: `torch.randperm` with a `torch.Generator`, or one of numpy's.",
            "Cut at a whole number: the share of n, rounded down. Both parts come from the same shuffle.",
            "Sort each part before you return it, and look at its dtype.",
        ),
    ),
    Exercise(
        name="train_mask",
        chapter="01-task",
        reference="tasks:train_mask",
        points=2,
        difficulty=2,
        minutes=10,
        teaches="how the row number of a question and its place in the addition table belong together",
        offers=("tasks:all_questions",),  # which row is which question
        hints=(
            "Row number a · p + b: how do you get a and b back from it?",
            "Or do not get them back: begin with p² entries in one long row, and mark those of the training set.",
            "Row numbers may stand in square brackets on the left of `=`; `view` makes a table of a row.",
        ),
    ),
    Exercise(
        name="twin_share",
        chapter="01-task",
        reference="autograder.exercises.task.answers:twin_share",
        points=1,
        difficulty=1,
        minutes=3,
        teaches="how many test questions can be answered without any addition",
        hints=(
            "Take one test question, such as 100 + 50. What do you know about the question 50 + 100?",
            "The split is blind: it does not know that the two are twins.",
        ),
        question=True,
        choices=(
            Choice(
                "About {value:.0%}",
                "So many questions are trained on *and* have a twin that is; but ours, we know, was left out.",
                0.3**2,
            ),
            Choice(
                "About {value:.0%}",
                "So large a share of *all* questions are test questions whose twin is trained on.",
                0.7 * 0.3,
            ),
            Choice(
                "About {value:.0%}",
                "Three in ten of all questions are trained on, and so are about three in ten of these twins.",
            ),
            Choice("About {value:.0%}", "So many twins are test questions themselves, and help nobody.", 0.7),
        ),
    ),
    Exercise(
        name="chance_loss",
        chapter="01-task",
        reference="config:chance_loss",
        points=1,
        difficulty=1,
        minutes=5,
        teaches="which line to draw into every plot of a loss",
        hints=(
            "What probability does somebody who knows nothing give to each of the p answers?",
            "The loss of a question is minus the logarithm of the probability that its right answer got.",
            "The natural logarithm is `math.log`. Try p = 2 in your head: what should come out?",
        ),
    ),
    Exercise(
        name="sure_and_wrong",
        chapter="01-task",
        reference="autograder.exercises.task.answers:sure_and_wrong",
        points=1,
        difficulty=2,
        minutes=5,
        teaches="why a loss can be far worse than that of guessing",
        hints=(
            "The favoured answer is wrong, so its 90% do not enter at all.",
            "How many other answers share in what is left, and what does the right one get of it?",
            "Minus the natural logarithm of that.",
        ),
        question=True,
        choices=(
            Choice(
                "Less than guessing: {value:.2f} nats", "That is what 90% on the *right* number costs.", -math.log(0.9)
            ),
            Choice(
                "Less than guessing: {value:.2f} nats",
                "The right number does not get the whole remaining tenth; 111 others share in it.",
                -math.log(0.1),
            ),
            Choice(
                "As much as guessing: {value:.2f} nats",
                "Somebody who guesses gives the right number ten times as much as this one does.",
                math.log(113),
            ),
            Choice(
                "More than guessing: {value:.2f} nats",
                "All that counts is what the right number gets, and that is next to nothing.",
            ),
        ),
    ),
)
