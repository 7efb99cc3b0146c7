"""The exercises of chapter 4, training, in the order in which its page has them."""

from ..spec import Choice, Exercise

EXERCISES: tuple[Exercise, ...] = (
    Exercise(
        name="lost_gap",
        chapter="04-training",
        reference="autograder.exercises.training.answers:lost_gap",
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
        choices=(
            Choice(
                "From {value:.0f} on", "float32 has about seven *decimal* digits, but the gap counts powers of $e$.", 7
            ),
            Choice("From {value:.0f} on", "There a *single* other answer would get lost; here there are 112.", 17),
            Choice(
                "From {value:.0f} on", "The 112 others together weigh too little then to change a 1 in its last digit."
            ),
            Choice("From {value:.0f} on", "That would be so with float64, which has 53 binary digits and not 24.", 41),
        ),
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
        reference="autograder.exercises.training.answers:plateau_test_loss",
        points=1,
        difficulty=1,
        minutes=3,
        teaches="that cross-entropy punishes a confident mistake more than ignorance",
        hints=(
            "What does the training loss reward, once all training questions are answered?",
            "What loss goes with each of the four? Work out that of a wrong answer with a probability of 0.99, say.",
        ),
        question=True,
        choices=(
            Choice(
                "On most of them it is as unsure as one who guesses. A few that went badly wrong make the loss high.",
                "The few would have to cost hundreds each. And a thousand steps have rewarded it for being sure.",
            ),
            Choice(
                "It hesitates between the right answer and a wrong one, and takes the wrong one by a little.",
                "Whoever gives the right answer nearly a half pays 0.7, far less than for guessing.",
            ),
            Choice(
                "On most of them it is sure of one wrong answer.",
                "It has learnt to be sure, and it is sure on questions that it has never seen as well.",
            ),
            Choice(
                "It takes to no answer at all: the weight decay has made the weights, and so the logits, too small.",
                "Small logits make a model unsure, and an unsure model pays about what guessing costs.",
            ),
        ),
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
)
