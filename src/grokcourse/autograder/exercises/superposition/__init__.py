"""The exercises of chapter 9, superposition and sparse autoencoders, in the order in which its page has them."""

from ..spec import Exercise

EXERCISES: tuple[Exercise, ...] = (
    Exercise(
        name="interference",
        chapter="09-superposition",
        reference="superposition:interference",
        points=2,
        difficulty=1,
        minutes=10,
        teaches="to see at a glance which features share a direction, whatever their lengths",
        hints=(
            "The cosine of the angle between two vectors is their product, divided by both lengths.",
            "Give each row length one first. Then the cosines are plain products.",
            "`directions.norm(dim=1, keepdim=True)` keeps the shape (features, 1), so that rows are divided.",
        ),
    ),
    Exercise(
        name="feature_dimensionality",
        chapter="09-superposition",
        reference="superposition:feature_dimensionality",
        points=3,
        difficulty=2,
        minutes=15,
        teaches="how much of a dimension is left for a feature that has to share",
        hints=(
            "All products W_i · W_j are one matrix, and the squared lengths are its diagonal.",
            "(Ŵ_i · W_j)² is the square of W_i · W_j, divided by the squared length of W_i. Which of the two is a row?",
            "The sum over j includes i itself: a feature that is alone has 1.",
        ),
    ),
    Exercise(
        name="encode",
        chapter="09-superposition",
        reference="superposition:encode",
        points=2,
        difficulty=1,
        minutes=5,
        teaches="the first half of a sparse autoencoder, and its three conventions",
        hints=(
            "From the inside of the formula to the outside: take away, multiply, add, and cut at zero.",
            "Inputs are rows: the matrix stands on the right of `@`.",
        ),
    ),
    Exercise(
        name="keep_top_k",
        chapter="09-superposition",
        reference="superposition:keep_top_k",
        points=2,
        difficulty=2,
        minutes=10,
        teaches="how sparsity can be set instead of bought",
        hints=(
            "`topk` along the latents gives the largest values of each row, and where they stand.",
            "Begin with zeros in the shape of the latents, and put the values in their places with `scatter`.",
            "A threshold is tempting, but where two latents are equal it may keep more than k.",
        ),
    ),
    Exercise(
        name="sae_loss",
        chapter="09-superposition",
        reference="superposition:sae_loss",
        points=2,
        difficulty=2,
        minutes=10,
        teaches="what a sparse autoencoder is asked for, and what each of the two terms would do alone",
        hints=(
            "Both terms are sums over one input's numbers, and means over the inputs.",
            "The error's squared length is the sum of its squared entries, without a root.",
        ),
    ),
    Exercise(
        name="explained_variance",
        chapter="09-superposition",
        reference="superposition:explained_variance",
        points=2,
        difficulty=2,
        minutes=10,
        teaches="what a reconstruction has to be compared with: the mean input, which costs nothing",
        hints=(
            "How large would the error be if every input were replaced by the mean of all?",
            "The mean is taken over the inputs, for each dimension by itself.",
            "Add up all squares, over inputs and dimensions, in the error and in the deviation, and only then divide.",
        ),
    ),
    Exercise(
        name="recovered_fraction",
        chapter="09-superposition",
        reference="superposition:recovered_fraction",
        points=2,
        difficulty=1,
        minutes=10,
        teaches="to mark an autoencoder against features that are known",
        hints=(
            "First leave out the latents that stand for nothing clearly.",
            "A frequency that several latents stand for is found once. What type of Python counts things once?",
            "What is found and not a key frequency does not count.",
        ),
    ),
)
