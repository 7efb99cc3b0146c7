"""What the tables of quick runs say, against their own lines and against each other."""

import csv
import math
import statistics

import pytest

from grokcourse import claims, quick_runs, runs


@pytest.fixture(scope="module")
def seeds():
    return quick_runs.seeds()


def lines(name):
    with (runs.RECORDED / "controls" / name).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_each_control_is_told_whole():
    controls, rows = quick_runs.controls(), lines("runs.csv")
    assert sum(len(run.steps) for run in controls) == len(rows)
    assert len({(run.weight_decay, run.seed) for run in controls}) == len(controls) >= 6
    for run in controls:
        own = [row for row in rows if (float(row["weight_decay"]), int(row["seed"])) == (run.weight_decay, run.seed)]
        assert [int(row["step"]) for row in own] == list(run.steps)
        assert [float(row["test_loss"]) for row in own] == list(run.test_loss)
        assert [float(row["weight_norm"]) for row in own] == list(run.weight_norm)
        reached = [int(row["step"]) for row in own if float(row["test_accuracy"]) >= 0.99]
        assert (run.grokked, run.wait) == ((reached[0],) * 2 if reached else (None, run.steps[-1]))


def test_there_are_ten_seeds_and_each_groks(seeds):
    assert [run.seed for run in seeds] == list(range(10))
    for run in seeds:
        assert 0 < run.memorised < run.onset < run.grokked == run.steps - 200
        assert run.key
        assert all(1 <= k <= 56 for k in run.key)
        assert set(run.announced) >= {"test_loss", "restricted_loss", "excluded_loss", "specialised"}
        assert all(step is None or run.memorised <= step <= run.steps for step in run.announced.values())


def test_where_both_tables_have_a_run_they_agree(seeds):
    """The controls' own runs, and the same seeds again, trained with more checkpoints."""
    controls = {run.seed: run for run in quick_runs.controls() if run.weight_decay == 3}
    assert controls
    for seed, control in controls.items():
        run = seeds[seed]
        assert (run.memorised, run.grokked, run.steps) == (control.memorised, control.grokked, control.steps[-1])
        assert run.final["train_loss"] == pytest.approx(control.train_loss[-1], rel=0.01)
        assert run.final["test_loss"] == pytest.approx(control.test_loss[-1], rel=0.01)
        assert run.final["squared_weights"] == pytest.approx(control.weight_norm[-1] ** 2, rel=1e-3)


def test_what_is_told_twice_of_a_seed_is_the_same(seeds):
    for run in seeds:
        assert run.claims["key-frequencies"] == len(run.key)
        assert run.claims["cosines"] == pytest.approx(run.final["cosine_share"], rel=1e-3)
        assert run.claims["neurons"] == pytest.approx(run.final["specialised"], rel=1e-3)
        assert run.claims["restricted-end"] == pytest.approx(run.final["restricted_loss"], rel=1e-3)
        assert run.claims["smaller-norm"] > 0
        assert 0 < run.final["energy_W_E_in_key"] <= 1


def test_each_claim_that_can_be_is_measured_on_every_seed(seeds):
    asked = [claim.name for claim in claims.CLAIMS if claims.is_quick(claim)]
    assert len(asked) > 30
    assert all([*run.claims] == [name for name in asked if name != "different-frequencies"] for run in seeds)


def test_pairs_of_seeds_are_compared_by_their_frequencies(seeds):
    checked = claims.check_quick()["different-frequencies"]
    assert len(checked.values) == math.comb(10, 2)
    a, b = set(seeds[3].key), set(seeds[7].key)
    assert checked.values["quick seeds 3 and 7"] == sum(k in b for k in a) / (len(a) + sum(k not in a for k in b))


def test_the_quick_runs_have_no_part_in_a_verdict(seeds):
    quick = claims.check_quick()
    assert not set(quick) & set(claims.NOT_ASKED)
    for name, checked in quick.items():
        if name != "different-frequencies":
            told = [run.claims[name] for run in seeds]
            assert list(checked.values.values()) == pytest.approx(told, nan_ok=True, rel=0)
    with_values = claims.quick_written(quick["cosines"])
    middle = statistics.median(run.claims["cosines"] for run in seeds)
    assert f": {middle:.1%} in the middle, from " in with_values
    box = claims.as_markdown("N9", quick["cosines"], quick["cosines"])
    assert f"[Quick runs: {with_values}.]{{.gc-aside}}\n" in box


def test_what_never_happened_counts_as_more_than_what_did():
    claim = next(claim for claim in claims.CLAIMS if claim.name == "restricted-first")
    some = claims.Checked(claim, {"1": 40.0, "2": math.nan, "3": 20.0})
    assert claims.quick_written(some).endswith(": 40 in the middle, from 20 to never")
    none, same = (claims.Checked(claim, {"1": value, "2": value}) for value in (math.nan, 40.0))
    assert claims.quick_written(none) == "0 of 2 seeds: never in any"
    assert claims.quick_written(same) == "2 of 2 seeds: 40 in each"


@pytest.mark.parametrize("content", ["seed,step\n0,0\n", "weight_decay,seed\n3,0\n"])
def test_what_is_no_such_table_is_refused(tmp_path, content):
    place = tmp_path / "table.csv"
    place.write_text(content)
    with pytest.raises(ValueError, match=r"table\.csv is not a table of runs with weight_decay, seed"):
        quick_runs.controls(place)
    with pytest.raises(ValueError, match=r"table\.csv is not a table of seeds"):
        quick_runs.seeds(place)
