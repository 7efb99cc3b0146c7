"""The claims of Power et al. 2022, the first paper on grokking."""

from .claim import ANY, Claim
from .measured import delay, each, memorised, unembedding_in_key, worst_test_loss

SOURCE = "power2022grokking"
"""A key of ``claim.SOURCES``."""

CLAIMS = (
    Claim(
        "fast-training",
        "The training set is learnt quickly",
        SOURCE,
        "figure 1",
        "The accuracy on the training set is close to perfect after fewer than a thousand steps.",
        "fewer than 1,000 steps, for division modulo 97",
        "the step at which 99% of the training set is answered",
        each(memorised),
        "{:,.0f}",
        (0, 1_000),
        (0, 2_000),
        "grokking-curve",
    ),
    Claim(
        "delay",
        "Unseen questions are answered a thousand times later",
        SOURCE,
        "figure 1",
        "Long after it has overfitted, the network comes to answer what it has never seen.",
        "about a million steps, a thousand times as late as the training set",
        "how many times as late as 99% of the training set 99% of the test set are answered",
        each(delay),
        "{:,.0f} times",
        (500, 2_000),
        (2, ANY),
        "grokking-curve",
        miss="Their best-known curve is an extreme example, of another operation and trained in another way. The delay "
        "depends on the weight decay and on the size of the training set; its length is no constant of nature.",
    ),
    Claim(
        "rise-of-loss",
        "The validation loss rises before it falls",
        SOURCE,
        "section 3.1 and figure 4",
        "The loss on unseen questions has a double descent: it goes up during overfitting, and comes down much later.",
        "",
        "the highest test loss, in units of the loss of guessing",
        each(worst_test_loss),
        "{:.1f}",
        (1.5, ANY),
        (1, ANY),
        "grokking-curve",
    ),
    Claim(
        "circles",
        "The output layer shows circles",
        SOURCE,
        "section 3.4 and figure 3",
        "For modular addition, a picture of the output layer's weights shows the circular structure of the task.",
        "seen in a t-SNE picture",
        "the share of the unembedding's energy that lies on the circles of the key frequencies",
        each(unembedding_in_key),
        "{:.1%}",
        (0.9, 1),
        (0.5, 1),
        "fourier-unembedding",
        "They saw *one* circle, made by steps of 8. There are several, and each key frequency has its own step.",
    ),
)
