"""What the course offers while an exercise is graded: enough for a right answer, and nothing that is one."""

import importlib.util
import inspect
import marshal
import sys
import textwrap
import types
from collections.abc import Iterator
from pathlib import Path

import pytest
from conftest import ROOT

from grokcourse.autograder.batch import work
from grokcourse.autograder.exercises.select import CHAPTERS, EXERCISES
from grokcourse.autograder.records import Settings, Work
from grokcourse.autograder.sandbox.trusted import bundle
from grokcourse.autograder.sandbox.trusted.fork_server import ForkServer
from grokcourse.autograder.sandbox.untrusted import redaction
from grokcourse.autograder.scoring import marks_of
from grokcourse.publishing.exercises import self_contained

pytestmark = pytest.mark.sandbox

WRITTEN = [exercise for exercise in EXERCISES.values() if not exercise.question]
TESTED = [pytest.param([exercise], id=exercise.name) for exercise in WRITTEN]
TESTED += [pytest.param(list(chapter), id=name) for name, chapter in CHAPTERS.items()]
GIVEN = """
import math
from collections.abc import Callable, Iterable, Mapping
import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.optim import AdamW
from grokcourse import circuit, fourier, measures, plots, runs, tasks, training
from grokcourse.autograder import check
from grokcourse.config import N_CTX, RunConfig
from grokcourse.measures import mean_loss
from grokcourse.model import ACTIVATIONS, Edit, Tap, Transformer, initialise, no_tap
from grokcourse.training import Phases, exact_cross_entropy
"""
"""What the student notebooks' first cells import, of all chapters together."""


@pytest.fixture(scope="module")
def server() -> Iterator[ForkServer]:
    with ForkServer() as opened:
        yield opened


def codes_in(code: types.CodeType) -> Iterator[types.CodeType]:
    yield code
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            yield from codes_in(constant)


def codes_of(bundled: bytes) -> dict[str, types.CodeType]:
    return {name: marshal.loads(code) for name, (_, code, _) in marshal.loads(bundled)["modules"].items()}


def reference_code(exercise) -> types.CodeType:
    """The reference's own code, as a bundle would hold it."""
    module, _, name = exercise.reference.partition(":")
    whole = marshal.loads(bundle._compiled(module, frozenset({name})))
    found = [code for code in codes_in(whole) if code.co_name == name]
    if exercise.blank:
        found = [code for code in codes_in(found[0]) if code.co_name == exercise.blank]
    return found[0]


# --- what is there ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("tested", TESTED)
def test_no_reference_is_there_but_those_that_are_offered(tested):
    bundled = bundle.build_bundle(tested)
    present = {redaction.fingerprint(code) for whole in codes_of(bundled).values() for code in codes_in(whole)}
    there = {exercise.name for exercise in WRITTEN if redaction.fingerprint(reference_code(exercise)) in present}
    assert there == bundle.exercises_in(tested).keys()
    assert not there & {exercise.name for exercise in tested}
    for exercise in tested:
        docstring = inspect.getdoc(exercise.target)
        assert not docstring or docstring.splitlines()[0].encode() not in bundled


@pytest.mark.parametrize("tested", TESTED)
def test_only_earlier_exercises_are_offered(tested):
    """A worker that holds a reference could pass it on, so that exercise's mark has to stand before it is started."""
    order = list(EXERCISES)
    first = min(order.index(exercise.name) for exercise in tested)
    assert all(order.index(name) < first for name in bundle.exercises_in(tested))


def test_most_of_the_course_is_not_there():
    tested = [EXERCISES["add_modulo"]]
    functions = {
        f"{name}.{code.co_name}"
        for name, whole in codes_of(bundle.build_bundle(tested)).items()
        for code in whole.co_consts
        if isinstance(code, types.CodeType) and not name.endswith(".fixtures")
    }
    assert functions
    assert all(name.startswith("grokcourse.config.") for name in functions)
    names = marshal.loads(bundle.build_bundle(tested))["modules"].keys()
    assert {name for name in names if ".autograder" in name} == {"grokcourse.autograder.sandbox.untrusted.fixtures"}
    assert not {"grokcourse.cli", "grokcourse.start", "grokcourse.__main__"} & names


def test_exercises_of_several_chapters_are_not_tested_together():
    with pytest.raises(ValueError, match="not of 2"):
        bundle.build_bundle([EXERCISES["add_modulo"], EXERCISES["gini"]])


def test_an_entry_that_offers_what_there_is_not_is_refused(monkeypatch):
    monkeypatch.setitem(vars(EXERCISES["gini"]), "offers", ("fourier:nothing",))
    bundle._offered.cache_clear()
    with pytest.raises(LookupError, match="fourier has no definition of nothing"):
        bundle.offered([EXERCISES["gini"]])
    bundle._offered.cache_clear()


# --- what stands in for what is not there -----------------------------------------------------------------------------


def test_what_is_redacted_says_so_when_it_is_used():
    redacted = redaction.Redacted("grokcourse.tasks.split is not there", lambda: None)
    uses = [
        lambda: redacted(1),
        lambda: redacted.answer,
        lambda: redacted["add"],
        lambda: list(redacted),
        lambda: isinstance(1, redacted),
        lambda: issubclass(int, redacted),
        lambda: types.new_class("Mine", (redacted,)),
    ]
    for use in uses:
        with pytest.raises(ImportError, match=r"grokcourse\.tasks\.split is not there"):
            use()
    assert not hasattr(redacted, "__wrapped__")
    assert redacted | None
    assert dict[str, redacted]


def test_in_the_place_of_an_exercise_stands_what_the_student_wrote():
    written = []
    redacted = redaction.Redacted("not there", lambda: written[-1] if written else None)
    written.append(redacted)  # the student imported it
    with pytest.raises(ImportError):
        redacted(1)
    written.append(lambda x: x + 1)
    assert redacted(1) == 2
    written.append(complex)
    assert isinstance(1j, redacted)
    assert issubclass(types.new_class("Mine", (redacted,)), complex)


def test_a_package_of_packages_is_lent_like_modules(tmp_path, monkeypatch):
    files = {
        "__init__.py": "",
        "low/__init__.py": "from .waves import turn\nfrom . import waves\nHALF = 0.5",
        "low/waves.py": 'import math\n"""About waves."""\ndef turn(x): return _half(x) * 2\n'
        "def _half(x): return x / 2\ndef other(x: math.nothing): return math.pi",
        "high.py": "from . import low\nimport fakecourse.low.waves as w\n"
        "from fakecourse.low.waves import other as theirs\n"
        "def both(x: int) -> int:\n    y: Nothing = low.waves.turn(x)\n    return y + low.turn(x) + w.turn(x)\n"
        "def more(x):\n    return theirs(x)\n",
        "autograder/__init__.py": "",
        "autograder/sandbox/untrusted/fixtures.py": "",
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    monkeypatch.setattr(bundle, "PACKAGE", tmp_path)
    monkeypatch.setattr(bundle, "NAME", "fakecourse")
    monkeypatch.setattr(redaction, "NAME", "fakecourse")
    caches = bundle.modules, bundle._statement, bundle._compiled
    [cache.cache_clear() for cache in caches]
    try:
        assert bundle.modules().keys() == {"low", "low.waves", "high", bundle.FIXTURES}
        inside = bundle._needed({("high", "both")}, set())
        own = {place for place in inside if place[1] not in ("math",)}
        assert own == {("high", "both"), ("high", "low"), ("high", "w"), ("low", "turn")} | {
            ("low.waves", "turn"),
            ("low.waves", "_half"),
        }
        modules = {
            module.full_name: (
                module.is_package,
                bundle._compiled(module.name, bundle._chosen(module, inside)),
                bundle._known(module),
            )
            for module in bundle.modules().values()
        }
    finally:
        [cache.cache_clear() for cache in caches]
    lender = redaction._BundleImporter(
        {"modules": modules, "exercises": [], "tested": [], "graded": "it is"}, lambda name: None
    )
    root = types.ModuleType("fakecourse")
    root.__path__ = []
    monkeypatch.setitem(sys.modules, "fakecourse", root)
    for name in modules:
        monkeypatch.setitem(sys.modules, name, None)
        del sys.modules[name]
    monkeypatch.setattr(sys, "meta_path", [lender, *sys.meta_path])
    from fakecourse import high, low

    assert high.both(3) == 9
    assert low.waves.turn is low.turn
    with pytest.raises(ImportError, match=r"fakecourse\.high\.more is not there while it is"):
        high.more(1)
    from fakecourse.low.waves import other

    with pytest.raises(ImportError, match="write it yourself"):
        other(1)
    with pytest.raises(ImportError, match="cannot import name 'nowhere'"):
        from fakecourse.low import nowhere  # noqa: F401


# --- right answers get their points -----------------------------------------------------------------------------------


def graded(server: ForkServer, folder: Path, source: str, *names: str):
    path = folder / "work.py"
    path.write_text(source, encoding="utf-8")
    return work.grade(Work("s", (path,)), Settings("seed", exercises=names), server)


@pytest.mark.parametrize("exercise", WRITTEN, ids=lambda exercise: exercise.name)
def test_a_solution_as_shown_gets_all_points_with_nothing_else_written(server, tmp_path, exercise):
    grade = graded(server, tmp_path, f"{GIVEN}\n\n{self_contained(exercise)}", exercise.name)
    assert not grade.problems
    assert all(outcome.passed for outcome in grade.outcomes), grade.outcomes


BUILT_ON_OTHERS = {
    "train_mask": """
        def train_mask(train_index, p):
            mask = torch.zeros(p, p, dtype=torch.bool)
            chosen = tasks.all_questions(p)[train_index]
            mask[chosen[:, 0], chosen[:, 1]] = True
            return mask
    """,
    "adamw_update": """
        def adamw_update(weight, grad, mean, square, step, *, lr, betas, weight_decay, eps=1e-8):
            mean = betas[0] * mean + (1 - betas[0]) * grad
            square = betas[1] * square + (1 - betas[1]) * grad**2
            m, v = mean / (1 - betas[0] ** step), square / (1 - betas[1] ** step)
            return sgd_update(weight, m / (v.sqrt() + eps), lr=lr, weight_decay=weight_decay), mean, square
        def sgd_update(weight, grad, *, lr, weight_decay):
            raise NotImplementedError
    """,
    "n_parameters": """
        class Transformer(nn.Module):
            def __init__(self, p, d_model, n_heads, d_mlp):
                super().__init__()
                d_head = d_model // n_heads
                self.tables = nn.ParameterList([torch.empty(p + 1, d_model), torch.empty(N_CTX, d_model)])
                self.heads = nn.ParameterList(torch.empty(n_heads, d_model, d_head) for _ in range(4))
                self.mlp = nn.Sequential(nn.Linear(d_model, d_mlp), nn.Linear(d_mlp, d_model))
                self.out = nn.Linear(d_model, p + 1, bias=False)
        def n_parameters(p, d_model, n_heads, d_mlp):
            return sum(weight.numel() for weight in Transformer(p, d_model, n_heads, d_mlp).parameters())
    """,
    "fourier_basis": """
        def fourier_basis(p, dtype=torch.float32, device=None):
            if p < 2:
                raise ValueError("p")
            angle = 2 * math.pi * torch.outer(fourier.frequencies(p), torch.arange(p)).double() / p
            rows = torch.where((torch.arange(p) % 2 == 1)[:, None], angle.cos(), angle.sin())
            rows[0] = 1
            return (rows / rows.norm(dim=1, keepdim=True)).to(dtype=dtype, device=device)
    """,
    "circle": """
        def circle(matrix, k):
            p = len(matrix)
            if not 1 <= k <= (p - 1) // 2:
                raise ValueError("k")
            directions = fourier.fourier_basis(p, matrix.dtype)[2 * k - 1 : 2 * k + 1] @ matrix
            lengths = directions.norm(dim=1, keepdim=True)
            if not lengths.all():
                raise ValueError("none")
            return matrix @ (directions / lengths).T
    """,
    "project_logits": """
        def project_logits(table, frequencies):
            p, found = len(table), []
            for k in frequencies:
                if not 1 <= k <= (p - 1) // 2:
                    raise ValueError("k")
                cos, angle = fourier.cos_of_sum(k, p), 2 * math.pi * k * torch.arange(p).double() / p
                sin = torch.outer(angle.sin(), angle.cos()) + torch.outer(angle.cos(), angle.sin())
                waves = torch.stack([cos / cos.norm(), sin / sin.norm()]).to(table.dtype)
                found.append(torch.einsum("wab,ab...->w...", waves, table))
            return torch.stack(found) if found else table.new_zeros(0, 2, *table.shape[2:])
    """,
    "excluded_loss": """
        def excluded_loss(logits, key, questions=None):
            key = list(key)
            waves = circuit.of_sum(fourier.keep_frequencies(circuit.by_sum(logits), key))
            p = len(logits)
            if not all(1 <= k <= p // 2 for k in key):
                raise ValueError("k")
            left = (logits - waves).reshape(p * p, p)
            questions = torch.arange(p * p) if questions is None else questions
            labels = circuit.sum_labels(p).flatten()[questions]
            return training.exact_cross_entropy(left[questions].double(), labels).mean()
    """,
    "excluded_loss_each": """
        def excluded_loss_each(logits, questions=None):
            losses = [mean_loss(logits, questions)]
            losses += [excluded_loss(logits, [k], questions) for k in range(1, len(logits) // 2 + 1)]
            return torch.stack(losses)
        def excluded_loss(logits, key, questions=None):
            raise NotImplementedError
    """,
}


@pytest.mark.parametrize("name", BUILT_ON_OTHERS)
def test_an_answer_may_build_on_what_its_page_gives_and_on_earlier_exercises(server, tmp_path, name):
    grade = graded(server, tmp_path, GIVEN + textwrap.dedent(BUILT_ON_OTHERS[name]), name)
    assert all(outcome.passed for outcome in grade.outcomes), grade.outcomes


# --- what is the course's gets none -----------------------------------------------------------------------------------

FAST_LOGITS = textwrap.dedent(inspect.getsource(EXERCISES["Transformer"].target.fast_logits))
TRANSFORMER = EXERCISES["Transformer"].stub.replace("raise NotImplementedError", "return CALL")
GIVEAWAYS = {
    "a table of the sums": ("add_modulo", "return circuit.sum_labels(p)[a, b]"),
    "subtraction of the negative": (
        "add_modulo",
        "return tasks.OPERATIONS['subtract'].answer(a, -b, p)",
    ),
    "the answers to questions": (
        "add_modulo",
        "return tasks.answers(torch.stack([a, b, torch.full_like(a, p)], 1), p)",
    ),
    "the loss through the config": (
        "chance_loss",
        "return RunConfig(p=p).chance_loss",
    ),
    "the norms' neighbour": ("weight_norms", "return torch.tensor([training.weight_norm(m) for m in [model]])"),
    "the norm's neighbour": ("weight_norm", "return measures.weight_norms(model).norm().item()"),
    "norms of the components": (
        "energy_per_frequency",
        "return measures.wave_norms(matrix, dim).square()",
    ),
    "read along the other way": (
        "project_logits",
        "u, v = circuit.unembedding_directions(circuit.by_sum(table).T, frequencies); return torch.stack([u, v], 1)",
    ),
    "read along": (
        "unembedding_directions",
        "return tuple(circuit.project_logits(W_logit.T[None].expand(W_logit.shape[1], -1, -1), frequencies).unbind(1))",
    ),
    "an ablation's variance": (
        "frequency_shares",
        "parts = [circuit.ablate_frequencies(activations, keep=[k], part='polynomial') for k in range(1, 3)]\n"
        "return torch.stack([part.var((0, 1)) for part in parts])",
    ),
    "a fit's variance": (
        "frequency_shares",
        "return circuit.degree2_fit(activations, torch.zeros(activations.shape[2])).var((0, 1))",
    ),
    "the network itself": (
        "clock_logits",
        "return circuit.clock_network(p, frequencies, coefficients)(a, b)",
    ),
    "the cosines themselves": (
        "clock_logits",
        "return circuit.cosine_logits(p, frequencies, [1.0] * len(frequencies))[a, b]",
    ),
    "the other loss": ("excluded_loss", "return measures.restricted_loss(logits, [1], questions)"),
    "an effective weight": (
        "neuron_weights",
        "return circuit.effective_weights(W_E).W_neur",
    ),
    "the module's own name": ("gini", "return measures.gini(values)"),
    "the figures": ("gini", "return plots.spectrum(values)"),
}


@pytest.mark.parametrize("which", GIVEAWAYS)
def test_the_courses_own_code_is_no_answer(server, tmp_path, which):
    name, body = GIVEAWAYS[which]
    by_itself = which == "the loss through the config"  # it asks itself, for ever
    parameters = str(inspect.signature(EXERCISES[name].target)).split("->")[0]
    source = f"{GIVEN}\n\ndef {name}{parameters}:\n{textwrap.indent(body, '    ')}\n"
    grade = graded(server, tmp_path, source, name)
    assert marks_of(grade)[0].points == 0
    told = f" is not there while {name} is graded: "
    assert by_itself or all(told in outcome.message for outcome in grade.outcomes if not outcome.side), grade.outcomes


@pytest.mark.parametrize(
    ("call", "more"),
    [
        ("self.fast_logits(tokens[:, 0], tokens[:, 1])", FAST_LOGITS),
        ("self.quick(tokens[:, 0], tokens[:, 1])", FAST_LOGITS.replace("fast_logits", "quick")),
        ("self.fast_logits(tokens[:, 0], tokens[:, 1])", ""),
    ],
    ids=["given", "under another name", "not given"],
)
def test_what_a_class_comes_with_does_not_do_the_exercise(server, tmp_path, call, more):
    source = f"{GIVEN}\n\n{TRANSFORMER.replace('CALL', call)}\n\n{textwrap.indent(more, '    ')}\n"
    grade = graded(server, tmp_path, source, "Transformer")
    assert marks_of(grade)[0].points == 0
    said = " ".join(outcome.message for outcome in grade.outcomes)
    assert ("fast_logits is not there" in said) == bool(more), said


def test_the_stub_leaves_out_what_would_do_the_exercise():
    stub = EXERCISES["Transformer"].stub
    names = [node for node in dir(EXERCISES["Transformer"].target) if f"def {node}(" in stub]
    assert "fast_logits" not in stub
    assert {"run_with_cache", "from_config", "from_weights", "forward"} <= set(names)
    compile(stub, "stub", "exec")
    assert "\n\n\n" not in stub


def test_no_worker_holds_a_reference_whose_mark_is_open(server, tmp_path, monkeypatch):
    opened: list[list[str]] = []
    build = bundle.build_bundle

    def recording(tested):
        opened.append([exercise.name for exercise in tested])
        return build(tested)

    monkeypatch.setattr(bundle, "build_bundle", recording)
    names = ["attention_scores", "Attention", "exact_cross_entropy", "transform", "energy_per_frequency", "energy_2d"]
    names += ["frequency_shares", "excluded_loss", "excluded_loss_each", "restricted_loss"]
    wrong = [f"def {name}(*args, **kwargs):\n    return 1" for name in names]
    files = []
    for number, part in enumerate((wrong[::2], wrong[1::2])):
        files.append(tmp_path / f"part{number}.py")
        files[-1].write_text("\n\n".join(part))
    grade = work.grade(Work("s", tuple(files)), Settings("seed"), server)
    assert {mark.exercise.name for mark in marks_of(grade)} == set(names)
    for place, tested in enumerate(opened):
        held = bundle.exercises_in([EXERCISES[name] for name in tested]).keys()
        assert not held & {name for later in opened[place:] for name in later}
    assert any(len(tested) > 1 for tested in opened)
    assert set(names) <= {tested[0] for tested in opened if len(tested) == 1}


# --- the search -------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def search() -> types.ModuleType:
    path = ROOT / "tools" / "search_giveaways.py"
    spec = importlib.util.spec_from_file_location("search_giveaways", path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # its dataclasses look it up
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(
    ("name", "place", "answer"),
    [
        ("add_modulo", ("circuit", "sum_labels"), "circuit.sum_labels(p=p)[a, b]"),
        ("weight_norm", ("measures", "weight_norms"), "measures.weight_norms(model=model).norm()"),
    ],
)
def test_the_search_for_giveaways_finds_what_is_one(search, name, place, answer):
    exercise = EXERCISES[name]
    _, found = search.accepted(exercise, search.callables(exercise, {place}))
    assert answer in {one.text for one in found}
    assert not any(search.is_the_exercise(exercise, one) for one in found)


@pytest.mark.parametrize("name", ["add_modulo", "transform", "cos_of_sum"])
def test_what_is_offered_gives_nothing_away(search, name):
    exercise = EXERCISES[name]
    _, found = search.accepted(exercise, search.functions(exercise))
    assert not [one.text for one in found if not search.is_the_exercise(exercise, one)]
