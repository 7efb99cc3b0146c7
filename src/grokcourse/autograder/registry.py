"""The one list of exercises. Pages, student notebooks, feedback and marks all read it; it holds nothing secret.

An exercise asks for a function or class that the package itself has, its reference. Its hidden tests and its planted
mistakes stand in ``hidden/test_CHAPTER.py``.
"""

import ast
import importlib
import inspect
import textwrap
from dataclasses import dataclass
from functools import cached_property
from typing import Any


@dataclass(frozen=True)
class Exercise:
    """Something that students are asked to write or, if it is a question, to answer."""

    name: str
    """The name that students define."""
    chapter: str
    """The chapter it belongs to: a key of ``CHAPTERS``."""
    reference: str
    """Where the package has it, ``module:name``; for a question, the function without arguments that answers it."""
    points: int
    difficulty: int
    """1 (a line) to 5 (an evening)."""
    minutes: int
    """What to expect."""
    teaches: str
    """What one has learnt by doing it, in a few words."""
    hints: tuple[str, ...]
    """Each a little more than the one before, in Markdown."""
    question: bool = False
    """A value to predict, ``name = …``, and not a function to write."""
    offers: tuple[str, ...] = ()
    """What the package offers while it is graded, ``module:name``, beside what the reference itself uses.

    What an answer may well build on: helpers that its page, or a chapter before, has shown, and earlier exercises.
    """
    blank: str = ""
    """For a class: the method that students write; the rest of the class is given."""
    omits: tuple[str, ...] = ()
    """For a class: other methods that would do what is asked. The stub leaves them out, and they do not count."""

    @cached_property
    def target(self) -> Any:
        """The package's own function or class."""
        module, _, name = self.reference.partition(":")
        return getattr(importlib.import_module(f"grokcourse.{module}"), name)

    @property
    def solution(self) -> Any:
        """What a student's name should stand for: the package's function or class; for a question, the right value."""
        return self.target() if self.question else self.target

    @property
    def source(self) -> str:
        """The package's own source of it, as pages show it."""
        return textwrap.dedent(inspect.getsource(self.target))

    @property
    def stub(self) -> str:
        """What students start from: signature and docstring, and ``raise NotImplementedError``; or ``name = ...``."""
        if self.question:
            return f"{self.name} = ..."
        source = self.source
        node: Any = ast.parse(source).body[0]
        omitted = [part for part in getattr(node, "body", ()) if getattr(part, "name", "") in self.omits]
        if self.blank:
            node = next(part for part in node.body if getattr(part, "name", "") == self.blank)
        docstring = node.body[0]
        lines: list[str | None] = [*source.splitlines()]
        for part in omitted:
            first = min([part.lineno, *(decorator.lineno for decorator in part.decorator_list)])
            lines[first - 2 : part.end_lineno] = [None] * (part.end_lineno - first + 2)  # with the blank line before
        raises = " " * docstring.col_offset + "raise NotImplementedError"
        lines = [*lines[: docstring.end_lineno], raises, *lines[node.end_lineno :]]
        return "\n".join(line for line in lines if line is not None)


CHAPTERS: dict[str, tuple[Exercise, ...]] = {
    "01-task": (
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
            reference="autograder.answers:twin_share",
            points=1,
            difficulty=1,
            minutes=3,
            teaches="how many test questions can be answered without any addition",
            hints=(
                "Take one test question, such as 100 + 50. What do you know about the question 50 + 100?",
                "The split is blind: it does not know that the two are twins.",
            ),
            question=True,
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
            reference="autograder.answers:sure_and_wrong",
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
        ),
    ),
    "02-transformer": (
        Exercise(
            name="embed",
            chapter="02-transformer",
            reference="model:embed",
            points=2,
            difficulty=1,
            minutes=10,
            teaches="how names become vectors, and how the model knows what stands where",
            hints=(
                "To look up a row of a table: `W_E[5]`. What does `W_E[tokens]` give if `tokens` is a whole tensor?",
                "The shapes are (n, pos, d_model) and (pos, d_model): torch adds the second to each of the n.",
                "If you prefer loops: one over the questions, one over the positions, and `torch.stack` at the end.",
            ),
        ),
        Exercise(
            name="attention_scores",
            chapter="02-transformer",
            reference="model:attention_scores",
            points=3,
            difficulty=3,
            minutes=20,
            teaches="how positions find each other, and what keeps them from looking ahead",
            hints=(
                "All dot products of two sets of vectors are one matrix product. Which set has to be transposed?",
                "`k.transpose(-1, -2)` exchanges the last two axes and leaves questions and heads alone.",
                "The width of a head can be read off the last axis of `q`.",
                "For the mask: `torch.ones(pos, pos).triu(1)` has its ones just where a key comes after a query.",
                "`masked_fill` puts a value wherever a mask of true and false is true.",
            ),
        ),
        Exercise(
            name="Attention",
            chapter="02-transformer",
            reference="model:Attention",
            points=5,
            difficulty=4,
            minutes=40,
            teaches="how information moves from one position to another",
            hints=(
                "Write the shape of each result beside it. Queries, keys and values: (n, head, pos, d_head).",
                '`torch.einsum("npd,hde->nhpe", resid, self.W_Q)` gives all queries. A loop over heads is fine, too.',
                "You have written `attention_scores`. Along which axis should the shares then add up to 1?",
                "The average of the values, weighted by the shares, is a matrix product.",
                "W_O goes from (n, head, pos, d_head) to (n, pos, d_model); what becomes of the axis of the heads?",
                "`tap(name, x)` returns x. With it your model can be looked into; without it, it computes the same.",
            ),
            blank="forward",
        ),
        Exercise(
            name="MLP",
            chapter="02-transformer",
            reference="model:MLP",
            points=3,
            difficulty=2,
            minutes=15,
            teaches="what a neuron is, and why it needs its ReLU",
            hints=(
                "Three steps: to the neurons, cut off, and back again. Each matrix brings its bias along.",
                "`resid @ self.W_in` works on all questions and positions at once: only the last axis is multiplied.",
                "The cut-off is `relu()`; `clamp(min=0)` does the same.",
            ),
            blank="forward",
        ),
        Exercise(
            name="exact_cross_entropy",
            chapter="02-transformer",
            reference="training:exact_cross_entropy",
            points=5,
            difficulty=4,
            minutes=40,
            teaches="that two formulas which are equal on paper may not be so on a computer",
            hints=(
                "Begin with the right-hand side of the formula, and never add the 1 yourself.",
                "`gather` picks each question's own logit; so does `logits[torch.arange(n), labels]`.",
                "To leave a logit out of a sum of exponentials, put a number in its place whose exponential is 0.",
                "In a computer exp(1000) is infinite. `logsumexp` takes the logarithm of such a sum all the same.",
                "Call $\\log \\sum_{j \\ne y} e^{l_j} - l_y$ by the name $m$. The loss is $\\log(1 + e^m)$, and "
                "torch has a function for that, `softplus`.",
            ),
        ),
        Exercise(
            name="Transformer",
            chapter="02-transformer",
            reference="model:Transformer",
            points=4,
            difficulty=3,
            minutes=25,
            teaches="that the whole model is a stream to which two parts add something",
            omits=("fast_logits",),
            hints=(
                "Follow the diagram at the beginning of the chapter; each arrow is a line.",
                "`embed` makes the start of the stream; `self.attn(…)` and `self.mlp(…)` return what is *added*.",
                "What does the MLP read: the stream at the start, or the stream after attention?",
                "The logits are a matrix product with `self.W_U`; of the three positions, return only the last.",
            ),
            blank="forward",
        ),
        Exercise(
            name="n_parameters",
            chapter="02-transformer",
            reference="model:n_parameters",
            points=2,
            difficulty=2,
            minutes=10,
            teaches="where the model keeps its numbers",
            hints=(
                "Go through the classes' weights one by one; for each, multiply the numbers in its shape.",
                "The vocabulary has p + 1 tokens, there are three positions, and a head is d_model // n_heads wide.",
                "Do not forget the two biases of the MLP. Compare with the table, if you like: p = 113, 128, 4, 512.",
            ),
        ),
        Exercise(
            name="patched_answer",
            chapter="02-transformer",
            reference="autograder.answers:patched_answer",
            points=1,
            difficulty=2,
            minutes=3,
            teaches="by which way the two numbers reach the answer",
            hints=(
                "What stood in the stream at `=` before attention wrote anything? You have counted it above.",
                "After attention, does anything still pass from the positions of 100 and 50 to `=`?",
            ),
            question=True,
        ),
    ),
    "03-weight-decay": (
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
            reference="autograder.answers:halving_steps",
            points=1,
            difficulty=1,
            minutes=3,
            teaches="to read $1/(\\eta\\lambda)$ as a clock",
            hints=(
                "After one step the share $1 - \\eta\\lambda$ is left. And after two, after $n$?",
                "You are looking for the $n$ with $0.999^n = 0.5$: logarithms, or a loop.",
            ),
            question=True,
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
            reference="autograder.answers:first_to_grok",
            points=1,
            difficulty=1,
            minutes=3,
            teaches="to make a theory say something that the next figure can refute",
            hints=(
                "What has to happen during the wait, and what does it?",
                "Write down the clock $1/(\\eta\\lambda)$ of each run.",
            ),
            question=True,
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
    ),
    "04-training": (
        Exercise(
            name="lost_gap",
            chapter="04-training",
            reference="autograder.answers:lost_gap",
            points=1,
            difficulty=2,
            minutes=5,
            teaches="how soon ordinary arithmetic loses a small loss",
            hints=(
                "The loss is the logarithm of $1 + 112\\,e^{-\\text{gap}}$. When does float32 round that to 1?",
                "The numbers next to 1 are $2^{-23}$ away; what is less than half of that is rounded away.",
                "Solve $112\\,e^{-\\text{gap}} = 2^{-24}$; a logarithm does it.",
            ),
            question=True,
        ),
        Exercise(
            name="learning_rate",
            chapter="04-training",
            reference="training:learning_rate",
            points=2,
            difficulty=1,
            minutes=5,
            teaches="what a warm-up is, and to count from 0",
            hints=(
                "With a warm-up of 10 steps, which shares of `config.lr` should the steps 0, 1, 9, 10 and 500 have?",
                "`min` cuts a line off where it would rise too far.",
                "A config may ask for no warm-up at all: `warmup_steps` is 0 then, and you can't divide by it.",
            ),
        ),
        Exercise(
            name="train_step",
            chapter="04-training",
            reference="training:train_step",
            points=4,
            difficulty=2,
            minutes=15,
            teaches="the one function that all of training consists of",
            hints=(
                "Five things: the loss, the old gradients gone, the new ones there, the rate set, the step taken.",
                "The optimiser keeps its learning rate in `optimizer.param_groups`, a list of dicts with a key `lr`.",
                "`backward()` adds to what is in `.grad`. Which call empties it, and where must it not stand?",
                "`detach()` hands the loss on without the graph behind it.",
            ),
        ),
        Exercise(
            name="plateau_test_loss",
            chapter="04-training",
            reference="autograder.answers:plateau_test_loss",
            points=1,
            difficulty=1,
            minutes=3,
            teaches="that cross-entropy punishes a confident mistake more than ignorance",
            hints=(
                "What does the training loss reward, once all training questions are answered?",
                "Work out the loss of one question whose wrong answer has got a probability of 0.99.",
            ),
            question=True,
        ),
        Exercise(
            name="find_phases",
            chapter="04-training",
            reference="training:find_phases",
            points=4,
            difficulty=3,
            minutes=20,
            teaches="to turn what the eye sees in a curve into a rule",
            hints=(
                "A comparison such as `train_accuracy >= answered` gives an array of True and False, one a row.",
                "A loop over the rows works well: note the step the first time that a condition holds.",
                "Without a loop: `argmax` of True and False is the place of the first True. And if there is none?",
                "The second and third condition count only from the end of the phase before: `&` with `steps >= …`.",
            ),
        ),
    ),
    "05-fourier": (
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
            reference="autograder.answers:shifted_spectrum",
            points=1,
            difficulty=1,
            minutes=3,
            teaches="that a frequency's energy does not depend on where its wave begins",
            hints=(
                "Take a single wave. What of it changes when it is shifted: its number of periods, its height?",
                "Write $\\cos(\\omega n - 3\\omega)$ as so much $\\cos\\omega n$ and so much $\\sin\\omega n$.",
            ),
            question=True,
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
    ),
    "06-circuit": (
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
            reference="autograder.answers:opposite_numbers",
            points=1,
            difficulty=1,
            minutes=5,
            teaches="where averaging two points on a circle fails as a way to add them",
            hints=(
                "Draw the dial, and mark the midpoint of 1 and 7, and that of 2 and 8.",
                "What do 1 + 7 and 2 + 8 make?",
            ),
            question=True,
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
    ),
    "07-progress-measures": (
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
            reference="autograder.answers:excluded_end",
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
            reference="autograder.answers:first_to_announce",
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
    ),
}
"""The exercises of each chapter, in the order in which its page has them."""

EXERCISES: dict[str, Exercise] = {exercise.name: exercise for chapter in CHAPTERS.values() for exercise in chapter}
"""Every exercise of the course by name, in order."""


def find_exercise(name: str) -> Exercise:
    """The exercise of that name; raises ``KeyError`` if there is none."""
    if name not in EXERCISES:
        raise KeyError(f"there is no exercise {name!r}; there are: {', '.join(EXERCISES)}")
    return EXERCISES[name]
