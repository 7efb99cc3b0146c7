"""Feedback: hints that are true or not there, evidence, what is printed, and what is not written yet."""

import math
import tracemalloc
import types
import warnings

import numpy as np
import pytest
import torch

from grokcourse import measures
from grokcourse.autograder import check
from grokcourse.autograder.exercises import evidence, testing, trial
from grokcourse.autograder.exercises.select import EXERCISES
from grokcourse.autograder.exercises.student import RemoteObject, Student
from grokcourse.autograder.exercises.testing import (
    WrongAnswerError,
    expect,
    expect_close,
    expect_number,
    expect_tensor,
    use_tests,
)
from grokcourse.autograder.feedback import LATEST, Feedback, run_checks
from grokcourse.autograder.grade import run_tests
from grokcourse.autograder.records import Outcome
from grokcourse.autograder.sandbox import protocol
from grokcourse.autograder.sandbox.untrusted.host import MAX_PRINTED, Host, Printed
from grokcourse.config import RunConfig
from grokcourse.training import Phases

HEAD = "import torch\nfrom grokcourse.autograder.testing import checks, expect, expect_close, mistake\n"
SQUARES = """
@checks("gini", "squares")
def squares(student, draw):
    for x in (torch.tensor([3.0]), draw.normal(4)):
        got = student.gini(x)
        expect_close(got, x**2, "should be the square")

@checks("gini", "of whole numbers")
def whole(student, draw):
    for x in (torch.tensor([2]), draw.integers(-5, 5, 3)):
        expect_close(student.gini(x), x**2, "should be the square")
"""


@pytest.fixture
def own_tests():
    """Replaces the tests of ``gini`` by others; gone at the end."""

    def use(text: str) -> None:
        use_tests((("test_own.py", HEAD + text),), only=True)

    yield use
    use_tests(())


def outcomes(answer, name="gini", seed="feedback"):
    return run_checks(EXERCISES[name], answer, seed)


def hints(answer, name="gini"):
    return {outcome.hint for outcome in outcomes(answer, name) if not outcome.passed}


# --- hints ------------------------------------------------------------------------------------------------------------


def test_a_hint_fits_every_test(own_tests):
    own_tests(SQUARES + '\n@mistake("gini", "this doubles")\ndef doubles(x):\n    return 2 * x\n')
    assert hints(lambda x: 2 * x) == {"this doubles"}
    assert hints(lambda x: x + x) == {"this doubles"}
    assert hints(lambda x: 2 * x if x.is_floating_point() else x**2) == {""}
    assert hints(lambda x: 2 * x if len(x) == 1 else x**2) == {""}
    assert hints(lambda x: 2.001 * x) == {""}


def test_of_mistakes_that_are_alike_other_inputs_decide_or_nobody(own_tests):
    text = """
@checks("gini", "one number")
def one(student, draw):
    x = draw.integer(1, 2)
    got = student.gini(x)
    expect(got == 7 * x, "should be seven times it")

@mistake("gini", "square root")
def root(x):
    return 2 * x**0.5

@mistake("gini", "power")
def power(x):
    return 2**x

@mistake("gini", "double")
def double(x):
    return 2 * x

"""
    own_tests(text)  # which cannot tell powers from doubles: the course's own can
    assert hints(lambda x: 2 * x) == {"double"}
    assert hints(lambda x: 2**x) == {"power"}
    assert hints(lambda x: 2 if x == 1 else 4) == {""}
    own_tests(text + '\n@mistake("gini", "sum")\ndef sum_(x):\n    return x + x\n')
    assert hints(lambda x: 2 * x) == {""}, "two planted answers are the same everywhere"


def test_the_planted_answer_that_is_the_same_to_the_last_digit_is_the_one(own_tests):
    near = '\n@mistake("gini", "near")\ndef near(x):\n    return 2.00001 * x\n'
    own_tests(SQUARES + near + '\n@mistake("gini", "exact")\ndef exact(x):\n    return 2.0 * x\n')
    assert hints(lambda x: x + 1.0 * x) == {"exact"}
    assert hints(lambda x: 2.00001 * x) == {"near"}
    assert hints(lambda x: 2.000004 * x) == {""}


def test_a_test_that_fails_before_it_asks_anything_gets_no_hint(own_tests):
    planted = '\n@mistake("gini", "anything")\ndef anything(x):\n    return x\n'
    own_tests('@checks("gini", "broken")\ndef broken(student, draw):\n    expect(False, "never")\n' + planted)
    assert [(one.message, one.hint) for one in outcomes(lambda x: x)] == [("never", "")]


def test_an_own_test_that_a_right_answer_fails_gets_no_hint(own_tests):
    own_tests('@checks("gini", "odd")\ndef odd(student, draw):\n    expect(student.gini(torch.ones(3)) == 5, "five")\n')
    assert hints(EXERCISES["gini"].solution) == {""}


def test_errors_are_alike_only_by_kind_and_text(own_tests):
    planted = """
@mistake("gini", "indexes by floats")
def by_floats(x):
    return x[x.float()]
"""
    own_tests(SQUARES + planted)
    assert hints(lambda x: x[x.double()]) == {"indexes by floats"}

    def another(x):
        raise IndexError("tensors are not my thing")

    assert hints(another) == {""}


def test_errors_are_alike_only_with_the_same_numbers(own_tests):
    planted = """
@mistake("gini", "one too far")
def one_too_far(x):
    return x[len(x)]
"""
    own_tests(SQUARES + planted)
    assert hints(lambda x: x[len(x)]) == {"one too far"}
    assert hints(lambda x: x[57]) == {""}, "out of bounds as well, but for another reason"


@pytest.mark.parametrize(
    ("name", "answer", "true"),
    [
        (
            "key_frequencies",
            lambda energy, over_median=4.0, of_largest=0.1: zeroed(energy, over_median, of_largest),
            "",
        ),
        ("chance_loss", lambda p: math.log(113), "This is right for one modulus only; p is an argument."),
        ("excluded_loss_each", lambda logits, questions=None: every_frequency_of_113(logits, questions), ""),
        ("frequency_shares", lambda activations: EXERCISES["frequency_shares"].solution(activations) ** 2, ""),
        (
            "Transformer",
            type("Transformer", (EXERCISES["Transformer"].solution,), {"forward": lambda self, x: 1 / 0}),
            "",
        ),
    ],
)
def test_no_hint_that_is_not_true(name, answer, true):
    for seed in ("feedback", "another", "a third"):
        failed = [one for one in outcomes(answer, name, seed) if not one.passed]
        assert failed
        assert {one.hint for one in failed} == {true}
        assert true or any(one.evidence for one in failed)


def zeroed(energy, over_median, of_largest):
    energy = energy.clone()
    energy[0] = 0
    chosen = (energy > over_median * energy.median()) & (energy >= of_largest * energy.max())
    return chosen.nonzero().flatten()


def every_frequency_of_113(logits, questions):
    losses = [measures.mean_loss(logits, questions)]
    return torch.stack(losses + [measures.excluded_loss(logits, [k], questions) for k in range(1, 57)])


@pytest.mark.parametrize(
    ("cells", "is_read"),
    [
        (["twin_share = 0.3"], True),
        (
            ["share = 1 - 0.7", "%matplotlib inline\ntwin_share = share\ntwin_share = check(twin_share, 'twin_share')"],
            True,
        ),
        (["twin_share = check(0.3, 'twin_share')"], True),
        (["import numpy as np\nimport torch", "twin_share = torch.tensor(np.float64(0.3))"], True),
        (["twin_share = 0", "for _ in range(3):\n    twin_share += 0.1"], False),
        (["import torch", "twin_share = torch.full((1,), 0.3)"], False),
        (["twin_share = sum(0.1 for _ in range(3))"], False),
        (["def share():\n    return 0.3", "twin_share = share()"], False),
        (["this is no Python"], True),
        ([], True),
    ],
)
def test_an_answer_that_grading_does_not_read_does_not_pass(cells, is_read, monkeypatch, capsys):
    shell = types.SimpleNamespace(user_ns={"In": ["", *cells]})
    monkeypatch.setattr("IPython.get_ipython", lambda: shell)
    assert check(0.3, "twin_share") == (0.3 if is_read else EXERCISES["twin_share"].solution)
    feedback = LATEST["twin_share"]
    assert feedback.passed is is_read
    assert feedback.points == int(is_read)
    if not is_read:
        assert f"cell {len(cells)}, line " in repr(feedback)
        assert "would get no points when the notebook is graded" in repr(feedback)
        assert not feedback.hints


def test_a_right_answer_costs_one_run():
    asked = []

    def counted(x):
        asked.append(x)
        return EXERCISES["gini"].solution(x)

    assert all(one.passed for one in outcomes(counted))
    once = len(asked)
    asked.clear()
    run_checks(EXERCISES["gini"], counted, "feedback", hints=False)
    assert len(asked) == once


# --- evidence ---------------------------------------------------------------------------------------------------------


def test_without_a_hint_there_is_the_input_as_code_and_what_came_back(own_tests):
    own_tests(SQUARES)
    first, second = outcomes(lambda x: x + 1)
    assert first.evidence == "`gini(torch.tensor([3.0]))` returned `tensor([4])` (float32)."
    assert second.evidence == "`gini(torch.tensor([2]))` returned `tensor([3])` (int64)."
    assert "9" not in first.evidence


def test_what_a_call_was_made_of_can_be_pasted():
    def rate(config, step):
        return 0.5 * config.lr

    found = outcomes(rate, "learning_rate")
    shown = next(one.evidence for one in found if one.evidence)
    call = shown.split("`")[1]
    returned = eval(call, {"learning_rate": rate, "RunConfig": RunConfig})
    assert f"returned `{returned:.6g}`" in shown

    def phases(steps, train_accuracy, test_accuracy, test_loss, chance_loss, answered=0.99):
        return Phases(int(steps[0]), None, None)

    shown = next(one.evidence for one in outcomes(phases, "find_phases") if one.evidence)
    assert "find_phases(np.array([0, 100," in shown
    assert "returned memorised = `0`, onset = `None`, grokked = `None`." in shown

    def lengths(model):
        return torch.stack([weight.sum() for weight in model.parameters()])

    shown = next(one.evidence for one in outcomes(lengths, "weight_norms") if one.evidence)
    assert "its parameters are `own_0`: `tensor([" in shown


def test_arrays_are_had_as_arrays():
    def announced(steps, values, start, share=0.1, log=False):
        return len(steps)

    check(announced)
    found = check.inputs("announced")
    assert isinstance(found["steps"], np.ndarray)
    assert announced(**found) == len(found["steps"])


def test_complex_numbers_are_called_that():
    def transform(x, dim=0):
        return torch.fft.fft(x, dim=dim)

    assert {one.message for one in outcomes(transform, "transform") if not one.passed} >= {
        "returned what no test can look at: a tensor of dtype complex64, where real numbers are expected; its `.real` "
        "has a dtype of floats"
    }


def test_the_input_can_be_pasted():
    values = [
        torch.tensor([[1, 2], [0, 4]]),
        torch.tensor([0.1, 1 / 3, -1e-9]),
        torch.tensor([0.1, 1 / 3], dtype=torch.float64),
        torch.tensor([[True], [False]]),
        torch.tensor(3),
        np.array([0.1, 1 / 3]),
        np.array([1, 2]),
        np.array([[0.1], [2]], dtype=np.float32),
        torch.empty((0, 3)),
        torch.tensor([math.inf, -math.inf, 1.0]),
        [1, (2.5, "three"), None, True],
        (1,),
    ]
    for value in values:
        pasted = eval(evidence.code(value), {"torch": torch, "math": math, "np": np})
        if isinstance(value, torch.Tensor | np.ndarray):
            assert type(pasted) is type(value)
            assert pasted.dtype == value.dtype
            assert (pasted == value).all()
        else:
            assert pasted == value
    assert evidence.code(torch.zeros(100)) is None
    assert evidence.code([torch.zeros(100)]) is None


def test_a_large_input_is_described_and_can_be_had():
    def transform(x, dim=0):
        return x

    check(transform)
    feedback = LATEST["transform"]
    assert not feedback.passed
    found = check.inputs("transform")
    assert set(found) <= {"x", "dim"}
    assert transform(**found).equal(found["x"])
    assert "check.inputs(" in repr(feedback)
    assert check.inputs("gini") == {} or "gini" in LATEST
    with pytest.raises(KeyError, match="there is no exercise"):
        check.inputs("nonsense")


def test_it_is_the_call_that_the_test_was_looking_at(own_tests):
    own_tests("""
@checks("gini", "all first")
def gathered(student, draw):
    xs = [torch.tensor([1.0]), torch.tensor([2.0]), torch.tensor([3.0])]
    cases = [(x, student.gini(x)) for x in xs]
    for x, got in cases:
        expect_close(got, x, "should be left alone")
""")
    (only,) = outcomes(lambda x: -x if x == 2 else x)
    assert only.evidence == "`gini(torch.tensor([2.0]))` returned `tensor([-2])` (float32)."


def test_an_error_names_the_line_and_what_torch_means():
    def embed(tokens, W_E, W_pos):
        return W_E[tokens.float()] + W_pos

    first, *others = outcomes(embed, "embed")
    assert first.message.startswith("raised IndexError: tensors used as indices must be long")
    assert "test_feedback.py, line " in first.message
    assert "Your line: `return W_E[tokens.float()] + W_pos`." in first.evidence
    assert "This was `embed(torch.tensor([[" in first.evidence
    assert "convert with `.long()`" in first.evidence
    shown = repr(Feedback(EXERCISES["embed"], [first, *others]))
    assert shown.count("tensors used as indices") == 1
    assert f"in {len(others) + 1} tests" in shown
    assert shown.count("the same error") == len(others)


def raised_by(action):
    with pytest.raises(Exception) as caught:  # noqa: PT011  (torch's own, of all kinds)
        action()
    return evidence.explained(type(caught.value).__name__, str(caught.value))


def leaf():
    return torch.zeros(2, requires_grad=True)


def overwritten():
    x = leaf()
    y = x.exp()
    y += 1
    y.sum().backward()


def put_in_another_dtype():
    torch.zeros(2)[torch.tensor([0])] = torch.zeros(1).double()


@pytest.mark.parametrize(
    ("action", "word"),
    [
        (lambda: torch.zeros(2, 2) @ torch.zeros(2, 2).double(), "dtype"),
        (lambda: torch.zeros(2, 2) @ torch.zeros(2, 2, dtype=torch.int64), "dtype"),
        (lambda: torch.zeros(3)[torch.zeros(2)], "whole numbers"),
        (lambda: leaf().add_(1), "no_grad"),
        (overwritten, "overwritten"),
        (lambda: torch.zeros(2).masked_fill(torch.zeros(2), 1), "booleans"),
        (lambda: (torch.zeros(2) > torch.zeros(2)) & torch.zeros(2), "brackets"),
        (lambda: torch.arange(3).softmax(0), "floats"),
        (lambda: torch.arange(3).mean(), "floats"),
        (lambda: torch.zeros(2, 3) @ torch.zeros(2, 3), "product of matrices"),
        (lambda: torch.zeros(2, 2, 3) @ torch.zeros(2, 2, 3), "product of matrices"),
        (lambda: torch.zeros(2) + torch.zeros(3), "entry by entry"),
        (lambda: np.zeros(2) + np.zeros(3), "entry by entry"),
        (lambda: torch.zeros(5).reshape(2, 3), "as many numbers"),
        (lambda: torch.zeros(2, 3).T.view(6), "reshape"),
        (lambda: torch.zeros(2) @ torch.zeros(2, device="meta"), "device"),
        (lambda: float(torch.zeros(2)), "one number"),
        (lambda: 1 if torch.zeros(2) == 0 else 2, "truth value"),
        (lambda: 1 if np.zeros(2) == 0 else 2, "truth value"),
        (lambda: leaf().numpy(), "detach"),
        (lambda: torch.zeros(2)[2], "starts at 0"),
        (lambda: [1][1], "starts at 0"),
        (lambda: np.zeros(2).softmax(0), "numpy array"),
        (lambda: torch.zeros(2).astype(int), "numpy's"),
        (lambda: torch.zeros(2).sum().backward(), "cut the way back"),
        (lambda: leaf().exp().backward(), "one number"),
        (lambda: torch.zeros(2).index_add(0, torch.tensor([0]), torch.zeros(1).double()), "dtype"),
        (put_in_another_dtype, "dtype"),
        (lambda: torch.stack([torch.zeros(2), torch.zeros(3)]), "one and the same shape"),
        (lambda: np.stack([np.zeros(2), np.zeros(3)]), "one and the same shape"),
        (lambda: torch.cat([torch.zeros(2, 2), torch.zeros(3, 3)]), "`cat`"),
        (lambda: np.concatenate([np.zeros((2, 2)), np.zeros((3, 3))]), "`cat`"),
        (lambda: torch.einsum("ab,bc->ac", torch.zeros(2, 2), torch.zeros(3, 3)), "beside the letters"),
        (lambda: torch.zeros(2).sum(dim=1), "numbered from 0"),
        (lambda: np.zeros(2).sum(axis=1), "numbered from 0"),
    ],
)
def test_the_commonest_errors_have_a_sentence_of_ours(action, word):
    assert word in raised_by(action)


def test_other_errors_have_none():
    assert raised_by(lambda: 1 / 0) == ""
    assert raised_by(lambda: {}["key"]) == ""


# --- what is printed, and warnings ------------------------------------------------------------------------------------


def test_what_an_answer_prints_is_shown_and_bounded(capsys):
    def gini(x):
        print("shape is", tuple(x.shape))
        print("x" * 10**6)
        return x

    check(gini)
    shown = capsys.readouterr().out
    assert "shape is (" in shown
    assert "more characters" in shown
    assert len(shown) < 6000
    page = LATEST["gini"]._repr_html_()
    assert "<pre>" in page


def test_printing_keeps_what_there_is_room_for():
    printed = Printed()
    assert printed.write("a" * (MAX_PRINTED - 1)) == MAX_PRINTED - 1
    assert printed.write("bcd") == 3
    assert printed.text.endswith("ab")
    assert printed.left_out == 2


def test_no_warning_of_an_answer_or_a_test_is_seen(own_tests):
    own_tests("""
import numpy as np
@checks("gini", "warns")
def warns(student, draw):
    nothing = np.zeros(1) / np.zeros(1)
    expect(student.gini(1) == 1, "one")
""")

    def noisy(x):
        warnings.warn("careful", stacklevel=1)
        np.log(np.zeros(1))
        return x

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert all(one.passed for one in outcomes(noisy))


# --- not written yet --------------------------------------------------------------------------------------------------


def test_only_the_stubs_own_raise_means_not_written():
    def add_modulo(a, b, p):
        """Docstring."""
        raise NotImplementedError

    assert {one.status for one in outcomes(add_modulo, "add_modulo")} == {"missing"}

    def with_text(a, b, p):
        raise NotImplementedError("negative numbers")

    def todo():
        raise NotImplementedError

    def by_a_helper(a, b, p):
        return todo()

    def by_torch(a, b, p):
        energy = a.float()
        return energy > 1 & energy

    class Base:
        def compute(self):
            raise NotImplementedError

    def of_an_abstract_method(a, b, p):
        return Base().compute()

    for answer in (with_text, by_a_helper, by_torch, of_an_abstract_method):
        found = outcomes(answer, "add_modulo")
        assert {one.status for one in found} == {"error"}, answer
        assert all(one.message.startswith("raised NotImplementedError") for one in found)
    assert "bitwise_and" in outcomes(by_torch, "add_modulo")[0].message
    assert "put brackets" in outcomes(by_torch, "add_modulo")[0].evidence


# --- settings ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["train_step", "embed", "Transformer", "exact_cross_entropy", "fourier_basis", "gini"])
def test_a_notebooks_settings_do_not_reject_a_right_answer(name):
    exercise = EXERCISES[name]
    rules = np.geterr()
    try:
        torch.set_grad_enabled(False)
        torch.set_default_dtype(torch.float64)
        torch.set_default_device("meta")
        np.seterr(all="raise")
        feedback = Feedback(exercise, run_checks(exercise, exercise.solution, "settings"))
        assert not torch.is_grad_enabled()
        assert torch.get_default_dtype() == torch.float64
        assert torch.get_default_device().type == "meta"
    finally:
        torch.set_grad_enabled(True)
        torch.set_default_dtype(torch.float32)
        torch.set_default_device(None)
        np.seterr(**rules)
    assert feedback.passed, feedback


def test_what_an_answer_sets_or_draws_is_put_back():
    def gini(x):
        torch.manual_seed(1)
        np.random.seed(1)
        torch.set_grad_enabled(False)
        torch.set_default_dtype(torch.float64)
        torch.set_default_device("meta")
        return EXERCISES["gini"].solution(x)

    torch.manual_seed(5)
    np.random.seed(5)
    states = torch.random.get_rng_state(), np.random.get_state()[1].copy()
    outcomes(gini)
    assert torch.is_grad_enabled()
    assert torch.get_default_dtype() == torch.float32
    assert torch.get_default_device().type == "cpu"
    assert states[0].equal(torch.random.get_rng_state())
    assert (states[1] == np.random.get_state()[1]).all()


# --- the table --------------------------------------------------------------------------------------------------------


def test_one_and_many():
    exercise = EXERCISES["chance_loss"]
    passed, wrong = Outcome("chance_loss", "a", "passed"), Outcome("chance_loss", "b", "wrong", "no")
    assert Feedback(exercise, [passed]).verdict == "chance_loss: its test passes (1 point)."
    assert Feedback(exercise, [passed, passed]).verdict == "chance_loss: all 2 tests pass (1 point)."
    assert "1 of 2 tests does not pass yet" in Feedback(exercise, [passed, wrong]).verdict
    assert "1 of 1 test does not" in Feedback(exercise, [wrong]).verdict
    assert "2 of 2 tests do not" in Feedback(exercise, [wrong, wrong]).verdict


def test_code_is_code_in_html():
    outcome = Outcome("gini", "the `x` stays", "wrong", "`a < b` fails", "`sort` is missing")
    page = Feedback(EXERCISES["gini"], [outcome])._repr_html_()
    assert "<code>a &lt; b</code>" in page
    assert "<code>sort</code>" in page
    assert "<code>x</code>" in page
    assert "`" not in page


# --- what came back is bounded ----------------------------------------------------------------------------------------


class Endless:
    """Whatever is asked of it is large."""

    def __repr__(self):
        return "x" * 10**7


HOSTILE = {
    "a large tensor": torch.zeros(200_000),
    "a deep tensor": torch.zeros((1,) * 60),
    "NaN": math.nan,
    "infinity": math.inf,
    "NaN in a tensor": torch.tensor(math.nan),
    "a huge number": 10**4000,
    "a text": "x" * 500_000,
    "a list of texts": ["x" * 1000] * 300,
    "many numbers": list(range(3000)),
    "a dict": {str(number): number for number in range(300)},
    "a deep list": [[[[[[[[[1]]]]]]]]],
    "an object": Endless(),
    "objects": [Endless()] * 200,
    "a type": int,
    "booleans": torch.ones(3, dtype=torch.bool),
    "bytes of floats": torch.zeros(5, dtype=torch.float8_e5m2),
}


@pytest.mark.parametrize("name", [exercise.name for exercise in EXERCISES.values()])
def test_whatever_comes_back_little_is_kept_of_it(name):
    exercise = EXERCISES[name]
    for what, value in HOSTILE.items():
        answer = value if exercise.question else (lambda *_, value=value, **__: value)
        found = run_tests(exercise, Student(Host({name: answer})), "hostile", hints=False)
        about = f"{name}, {what}"
        assert not any(one.passed and not one.side for one in found), about
        assert all(len(one.message) <= testing.MAX_MESSAGE for one in found), about
        assert all(len(one.evidence) <= trial.MAX_EVIDENCE for one in found), about


@pytest.mark.parametrize("name", [exercise.name for exercise in EXERCISES.values()])
def test_a_large_tensor_does_not_become_many_objects(name):
    exercise, large = EXERCISES[name], torch.zeros(2**18)
    host, received = Host({name: large if exercise.question else lambda *_, **__: large}), []

    def send(request):
        answer = host(request)
        received.append(len(answer))
        return answer

    student = Student(send)
    run_tests(exercise, student, "warm", hints=False)
    tracemalloc.start()
    try:
        run_tests(exercise, student, "large", hints=False)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 2 * sum(received) + 2**24, f"{peak / 2**20:.0f} MB of {sum(received) / 2**20:.0f} MB received"


def test_no_description_of_what_stands_on_the_students_side_grows():
    student = Student(lambda _: b"")
    student.log = [Student] * 1000
    thing = RemoteObject(student, protocol.Handle(3, "x" * 10**6))
    assert len(repr(student)) < 100
    assert len(repr(thing)) < 100
    assert len(evidence.kind_of(thing)) < 60
    assert evidence.kind_of(protocol.Handle(0, "<script>`\n")) == "a script"
    assert evidence.kind_of(protocol.Handle(0, "NumpyArray")) == "a numpy array"
    assert len(evidence.said([["x" * 10**5] * 1000] * 1000)) < 5000
    assert len(evidence.said({"x" * 10**5: 1})) < 100
    assert evidence.said(10**5000) == "a whole number of more than 20 digits"


def test_a_message_is_cut():
    with pytest.raises(WrongAnswerError) as caught:
        expect(False, "x" * 10**6, "y" * 10**6)
    assert len(str(caught.value)) < 1000


@pytest.mark.parametrize(
    "value", [math.nan, math.inf, -math.inf, torch.tensor(math.nan), 10**400, True, "1", None, [1]]
)
def test_a_number_is_a_finite_number(value):
    with pytest.raises(WrongAnswerError, match="should return"):
        expect_number(value)


def test_a_number_may_be_infinite_where_that_is_asked_for():
    assert expect_number(math.inf, finite=False) == math.inf
    assert expect_number(torch.tensor([3])) == 3


@pytest.mark.parametrize("value", [True, "1", None, {}, [None], ["a"], [[1], [2, 3]], torch.tensor([True]), [10**400]])
def test_numbers_are_numbers(value):
    with pytest.raises(WrongAnswerError, match="should "):
        expect_close(value, [1.0], "should be one")


def test_booleans_are_compared_with_booleans():
    expect_close(torch.tensor([True]), torch.tensor([True]), "the same")
    expect_tensor(torch.zeros(2, 3), (2, 3))
    expect_close([1, 2.0], [1.0, 2.0], "the same")


def test_an_assert_of_an_instructors_own_is_a_complaint(own_tests):
    own_tests('@checks("gini", "bare")\ndef bare(student, draw):\n    assert student.gini(2) == 3\n')
    (only,) = outcomes(lambda x: x)
    assert (only.status, only.message) == ("wrong", "this does not hold")
    assert "`gini(2)` returned `2`" in only.evidence


ODD = {
    "a list": [1, "a", None, [2]],
    "an empty list": [],
    "numbers of hundreds of digits": [10**300] * 50,
    "a dict": {None: 1, True: 2, 1.5: []},
    "what a helper of ours answers, without its parts": {"value": None, "changed": None},
    "two tensors of nothing": [torch.zeros(0, dtype=torch.int64)] * 2,
    "two tensors beyond all bounds": [torch.tensor([-1, 2**62]), torch.tensor([-(2**63)])],
    "rows without end, and nothing in them": torch.zeros(2**40, 0),
    "NaN": torch.full((3,), float("nan")),
    "infinity": -float("inf"),
    "unsigned": torch.full((2,), 255, dtype=torch.uint64),
    "an object": protocol.Handle(-1, "x" * 10**5),
}


@pytest.mark.parametrize("odd", ODD.values(), ids=ODD)
@pytest.mark.parametrize("name", ["split", "gini", "announced", "Attention", "train_step"])
def test_whatever_comes_back_there_is_an_outcome(name, odd):
    """Asked for a function, its instance or its answer: the side that speaks may not be ours at all."""
    exercise = EXERCISES[name]
    total = len(testing.hidden_tests(exercise))
    for handles in (False, True):

        def send(request, handles=handles):
            operation, asked, *_ = protocol.decode(request)
            is_thing = operation == "value" or (operation == "call" and isinstance(exercise.solution, type))
            known = operation == "begin" or (handles and is_thing and asked == name)
            return protocol.encode({"value": protocol.Handle(0, "function") if known else odd})

        found = run_tests(exercise, Student(send), "odd")
        assert len(found) == total
        assert not any(outcome.passed and not outcome.side for outcome in found)


def test_data_where_a_function_should_be_is_called_by_its_name():
    exercise = EXERCISES["split"]
    [found] = [one for one in run_tests(exercise, Student(Host({"split": [1, 2]})), "data") if "int64" in one.title]
    assert found.status == "error"
    assert "not callable" in found.message
    assert "`split(" in found.evidence


def test_evidence_that_cannot_be_told_costs_no_verdict(monkeypatch):
    def tell(*_):
        raise RecursionError

    monkeypatch.setattr(evidence, "of_calls", tell)
    monkeypatch.setattr(evidence, "of_an_error", tell)
    found = run_tests(EXERCISES["gini"], Student(Host({"gini": lambda x: 7.0})), "none")
    assert {outcome.evidence for outcome in found} == {""}
    assert any(outcome.status == "wrong" for outcome in found)
