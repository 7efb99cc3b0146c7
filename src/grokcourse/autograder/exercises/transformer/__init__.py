"""The exercises of chapter 2, the transformer, in the order in which its page has them."""

from ..spec import Choice, Exercise

EXERCISES: tuple[Exercise, ...] = (
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
        reference="autograder.exercises.transformer.answers:patched_answer",
        points=1,
        difficulty=2,
        minutes=3,
        teaches="by which way the two numbers reach the answer",
        hints=(
            "What stood in the stream at `=` before attention wrote anything? You have counted it above.",
            "After attention, does anything still pass from the positions of 100 and 50 to `=`?",
        ),
        question=True,
        choices=(
            Choice(
                "37, the answer to 100 + 50: those are the tokens that it sees.",
                'It sees them, but nothing passes from their positions to "=" any more once attention is done.',
            ),
            Choice(
                "15, the answer to 5 + 10.", 'What "=" knows of the two numbers, it knows through `attn_out` alone.'
            ),
            Choice(
                "52, which is both answers together.",
                "For that, both would have to be there; but the one `attn_out` was put in place of the other.",
            ),
            Choice(
                "None of these, since the two questions disturb each other.",
                'There is nothing left of 100 + 50 at "=" that could disturb.',
            ),
        ),
    ),
)
