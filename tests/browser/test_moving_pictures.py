"""Pictures that move, used as a person would use them; and their stills, where no script runs."""

import functools
import json
import re
from pathlib import Path

import numpy as np
import pytest
import torch
from conftest import Site
from playwright.sync_api import Browser, Locator, Page, Route, expect
from test_browser import VIEWS, barriers, opened, url_of

from grokcourse import circuit, fourier, measures, runs, tasks, training
from grokcourse.interactive import packing, wide

PAGE = {
    "scrub": "book/04-training",
    "ask": "book/02-transformer",
    "attention": "book/02-transformer",
    "grok": "book/04-training",
    "apart": "book/05-fourier",
    "circles": "book/05-fourier",
    "clocks": "book/05-fourier",
    "crowd": "book/06-circuit",
    "decays": "book/03-weight-decay",
    "heads": "book/06-circuit",
    "voices": "book/07-progress-measures",
}


def started(page: Page, name: str) -> Locator:
    """The picture, once it is there."""
    box = page.locator(f'.gc-interactive[data-picture="{name}"]')
    box.scroll_into_view_if_needed()
    expect(box.locator(".gc-moving :is(input, button)").first).to_be_visible()
    return box


@pytest.mark.parametrize("bits", [*packing.BITS, "float16", "float32"])
def test_the_page_reads_arrays_as_python_does(browser: Browser, site: Site, bits: int | str):
    values = np.random.default_rng(1).normal(size=(7, 3))
    floats = {"float16": packing.half, "float32": packing.single}
    packed = floats[bits](values) if bits in floats else packing.quantise(values, bits)
    with opened(browser, url_of(site, PAGE["scrub"])) as watched:
        read = watched.page.evaluate("packed => Array.from(moving.restore(packed))", packed)
    np.testing.assert_allclose(read, packing.restore(packed).ravel(), atol=1e-12)


def test_every_float16_is_read_from_a_file_in_utf_16(browser: Browser, site: Site, tmp_path: Path):
    """From a disk, and from a server, even one that says it is in UTF-8."""
    values = np.arange(2**16, dtype="<u2").view("<f2")
    values = values[np.isfinite(values)]
    packed = wide.widen(packing.half(values))
    kinds = {"disk": "", "plain": "text/javascript", "utf-8": "text/javascript; charset=utf-8"}
    with opened(browser, url_of(site, PAGE["scrub"])) as watched:
        for name, kind in kinds.items():
            made = wide.encode(packing.script(name, {"halves": packed}, {}))
            (tmp_path / "halves.js").write_bytes(made)
            address = f"https://halves.example/{name}.js" if kind else (tmp_path / "halves.js").as_uri()
            watched.page.route(
                "https://halves.example/*",
                functools.partial(Route.fulfill, body=made, headers={"content-type": kind}),
            )
            read = watched.page.evaluate(
                "async ([name, address]) => Array.from((await moving.data(name, address)).halves)", [name, address]
            )
            np.testing.assert_array_equal(read, values.astype(float), err_msg=name)


def test_weights_are_no_larger_than_agreed(site: Site):
    sizes = [path.stat().st_size for path in (site.html / "book").glob("ask-*.js")]
    assert len(sizes) >= 3
    assert max(sizes) <= 500_000


@pytest.mark.parametrize("name", PAGE)
def test_without_scripts_the_still_stands(browser: Browser, site: Site, name: str):
    with opened(browser, url_of(site, PAGE[name]), java_script_enabled=False) as watched:
        box = watched.page.locator(f'.gc-interactive[data-picture="{name}"]')
        expect(box.locator(".cell")).to_be_visible()
        assert box.locator(".cell_output").bounding_box()["height"] > 100
        assert watched.page.locator(".gc-moving").count() == 0


@pytest.mark.parametrize("name", PAGE)
def test_on_paper_the_still_stands(browser: Browser, site: Site, name: str):
    with opened(browser, url_of(site, PAGE[name])) as watched:
        box = started(watched.page, name)
        expect(box.locator(".cell")).to_be_hidden()
        watched.page.emulate_media(media="print")
        expect(box.locator(".cell")).to_be_visible()
        expect(box.locator(".gc-moving")).to_be_hidden()


@pytest.mark.parametrize(("width", "scheme"), VIEWS)
@pytest.mark.parametrize("address", sorted(set(PAGE.values())))
def test_pictures_have_no_barriers(browser: Browser, site: Site, address: str, width: int, scheme: str):
    with opened(browser, url_of(site, address), width, scheme) as watched:
        page = watched.page
        for name in (name for name, there in PAGE.items() if there == address):
            started(page, name)
        assert barriers(page, ".gc-interactive") == []
        assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"), "wider than the window"
        heights = page.locator(".gc-moving :is(button, input, select):visible").evaluate_all(
            "all => all.map(control => control.getBoundingClientRect().height)"
        )
        assert len(heights) > 1
        assert min(heights) >= 44
        assert watched.troubles == []


# --- scrub ---


def test_the_run_is_moved_through_by_keyboard(browser: Browser, site: Site):
    run = runs.load("main")
    steps, accuracy = run.history["step"], run.history["test_accuracy"]
    with opened(browser, url_of(site, PAGE["scrub"]), reduced_motion="reduce") as watched:
        box = started(watched.page, "scrub")
        slider = box.get_by_role("slider", name="Step")
        assert slider.get_attribute("max") == str(len(steps) - 1)
        slider.focus()
        watched.page.keyboard.press("Home")
        expect(box.locator(".gc-step")).to_have_text("Step 0")
        for _ in range(3):
            watched.page.keyboard.press("ArrowRight")
        expect(box.locator(".gc-step")).to_have_text(f"Step {steps[3]:,}")
        spoken = slider.get_attribute("aria-valuetext")
        told = float(re.search(r"training set right, ([\d.]+)% of the test set", spoken)[1])
        assert told == pytest.approx(100 * accuracy[3], abs=1)
        watched.page.keyboard.press("End")
        expect(box.locator(".gc-step")).to_have_text(f"Step {steps[-1]:,}")
        assert "100% of the test set right" in slider.get_attribute("aria-valuetext")
        assert watched.troubles == []


def test_the_table_shows_what_the_model_gets_right(browser: Browser, site: Site):
    """At one checkpoint, its pixels against the model itself."""
    run = runs.load("main")
    config, step = run.config, run.steps[6]
    data = tasks.dataset(config)
    best = circuit.all_logits(run.model(step)).argmax(dim=2)
    is_right = (best.flatten() == data.labels).numpy()
    in_training = data.train_mask().flatten().numpy()
    with opened(browser, url_of(site, PAGE["scrub"]), reduced_motion="reduce") as watched:
        box = started(watched.page, "scrub")
        at = list(run.history["step"]).index(step)
        box.get_by_role("slider", name="Step").fill(str(at))
        expect(box.locator(".gc-step")).to_have_text(f"Step {step:,}")
        pixels = watched.page.evaluate(
            """canvas => JSON.stringify(Array.from(
                canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data))""",
            box.locator("canvas").element_handle(),
        )
        colours = np.array(json.loads(pixels)).reshape(-1, 4)[:, :3]
    wrong = {tuple(colour) for colour in colours[~is_right]}
    trained = {tuple(colour) for colour in colours[is_right & in_training]}
    tested = {tuple(colour) for colour in colours[is_right & ~in_training]}
    assert len(wrong) == 1
    assert not wrong & trained
    assert not trained & tested
    assert not wrong & tested


def test_it_plays_and_stops(browser: Browser, site: Site):
    with opened(browser, url_of(site, PAGE["scrub"]), reduced_motion="reduce") as watched:
        box = started(watched.page, "scrub")
        expect(box.locator(".gc-step")).not_to_have_text("Step 0")  # with reduced motion: the end, at rest
        box.get_by_role("button", name="Play").click()
        expect(box.get_by_role("button", name="Pause")).to_be_visible()
        box.get_by_role("button", name="Pause").click()
        rested = box.locator(".gc-step").inner_text()
        watched.page.wait_for_timeout(200)
        assert box.locator(".gc-step").inner_text() == rested
        assert watched.troubles == []


def test_colours_follow_the_pages_mode(browser: Browser, site: Site):
    with opened(browser, url_of(site, PAGE["scrub"]), reduced_motion="reduce") as watched:
        box = started(watched.page, "scrub")
        corner = "canvas => canvas.getContext('2d').getImageData(0, 0, 1, 1).data.join()"
        canvas = box.locator("canvas").element_handle()
        light = watched.page.evaluate(corner, canvas)
        watched.page.evaluate("document.documentElement.dataset.theme = 'dark'")
        watched.page.wait_for_function(f"([canvas, light]) => ({corner})(canvas) !== light", arg=[canvas, light])


# --- ask ---


def questions(p: int, n: int = 50) -> list[list[int]]:
    return np.random.default_rng(0).integers(0, p, (n, 2)).tolist()


def test_the_page_computes_the_models_own_logits(browser: Browser, site: Site):
    run = runs.load("main")
    p = run.config.p
    with opened(browser, url_of(site, PAGE["ask"])) as watched:
        page = watched.page
        box = started(page, "ask")
        panel = box.locator(".gc-moving")
        options = box.get_by_label("at step").locator("option")
        steps = [int(value) for value in options.evaluate_all("all => all.map(one => one.value)")]
        assert len(steps) >= 3
        for step in steps:
            box.get_by_label("at step").select_option(str(step))
            expect(panel).to_have_attribute("data-step", str(step))
            read = panel.evaluate(
                """async (panel, pairs) => {
                    const [a, b] = panel.querySelectorAll("input");
                    const all = [];
                    for (const [first, second] of pairs) {
                        a.value = first;
                        b.value = second;
                        panel.logits = null;
                        b.dispatchEvent(new Event("input"));
                        while (!panel.logits) await new Promise(requestAnimationFrame);
                        all.push(panel.logits);
                    }
                    return all;
                }""",
                questions(p),
            )
            tokens = torch.tensor([[a, b, p] for a, b in questions(p)])
            with torch.no_grad():
                expected = run.model(step)(tokens)[:, :p]
            torch.testing.assert_close(torch.tensor(read), expected, rtol=0, atol=1e-3)
        assert watched.troubles == []


@pytest.mark.parametrize(("part", "activation"), [("attention", "attn_out"), ("MLP", "mlp_out")])
@pytest.mark.parametrize("by", ["zero", "other"])
def test_what_is_replaced_in_the_page_is_replaced_in_the_model(
    browser: Browser, site: Site, part: str, activation: str, by: str
):
    run = runs.load("main")
    model, p = run.model(), run.config.p
    asked, lent = torch.tensor([[100, 50, p]]), torch.tensor([[7, 9, p]])
    with torch.no_grad():
        _, cache = model.run_with_cache(lent)
        edit = torch.zeros_like if by == "zero" else lambda own: cache[activation]
        expected, _ = model.run_with_cache(asked, {activation: edit})
    with opened(browser, url_of(site, PAGE["ask"])) as watched:
        box = started(watched.page, "ask")
        panel = box.locator(".gc-moving")
        box.get_by_label("Replace").select_option(part)
        box.get_by_label("by").select_option(by)
        if by == "other":
            box.get_by_label("a′").fill("7")
            box.get_by_label("b′").fill("9")
        box.get_by_label("a", exact=True).fill("100")
        box.get_by_label("b", exact=True).fill("50")
        answer = int(expected[0, :p].argmax())
        expect(box.get_by_role("status")).to_contain_text(f"100 + 50 = {answer}")
        read = torch.tensor(panel.evaluate("panel => panel.logits"))
        torch.testing.assert_close(read, expected[0, :p], rtol=0, atol=1e-3)
        assert watched.troubles == []


def test_what_is_no_question_is_said(browser: Browser, site: Site):
    with opened(browser, url_of(site, PAGE["ask"])) as watched:
        box = started(watched.page, "ask")
        for wrong in ("113", "-1", "1.5", ""):
            box.get_by_label("a", exact=True).fill(wrong)
            expect(box.get_by_role("status")).to_have_text("Give whole numbers from 0 to 112.")
        box.get_by_label("a", exact=True).fill("3")
        expect(box.get_by_role("status")).to_contain_text("3 + 50 = 53")


def test_the_landing_page_does_not_tell_the_end(browser: Browser, site: Site):
    with opened(browser, url_of(site, "book/index"), reduced_motion="reduce") as watched:
        box = started(watched.page, "scrub")
        slider = box.get_by_role("slider", name="Step")
        slider.focus()
        watched.page.keyboard.press("Home")
        expect(box.locator(".gc-step")).to_have_text("Step 0")
        expect(box.get_by_text("Energy of the embedding")).to_have_count(0)
        assert watched.troubles == []


# --- attention ---


def test_attention_is_computed_as_the_model_does(browser: Browser, site: Site):
    run = runs.load("main")
    model, p = run.model(), run.config.p
    with opened(browser, url_of(site, PAGE["attention"])) as watched:
        box = started(watched.page, "attention")
        panel = box.locator(".gc-moving")
        for a, b in [*questions(p, 8), [7, 7], [0, p - 1]]:
            box.get_by_label("a", exact=True).fill(str(a))
            box.get_by_label("b", exact=True).fill(str(b))
            expect(panel).to_have_attribute("data-state", f"{a} {b} 0 0")
            seen = panel.evaluate("panel => panel.seen")
            with torch.no_grad():
                _, cache = model.run_with_cache(torch.tensor([[a, b, p]]))
            assert len(seen) == run.config.n_heads
            for head, own in enumerate(seen):
                z = cache["z"][0, head, 2]
                expected = {
                    "scores": cache["attn_scores"][0, head, 2],
                    "shares": cache["pattern"][0, head, 2],
                    "z": z,
                    "added": z @ model.attn.W_O[head].detach(),
                }
                for name, value in expected.items():
                    np.testing.assert_allclose(own[name], value, atol=1e-3, err_msg=f"{name} of head {head}")
            together = np.sum([own["added"] for own in seen], axis=0)
            np.testing.assert_allclose(together, cache["attn_out"][0, 2], atol=2e-3)
        assert watched.troubles == []


def test_attention_is_gone_through_stage_by_stage(browser: Browser, site: Site):
    run = runs.load("main")
    model, p = run.model(), run.config.p
    with torch.no_grad():
        _, cache = model.run_with_cache(torch.tensor([[3, 91, p]]))
    head = 2
    with opened(browser, url_of(site, PAGE["attention"])) as watched:
        page = watched.page
        box = started(page, "attention")
        panel, status = box.locator(".gc-moving"), box.get_by_role("status")
        box.get_by_label("a", exact=True).fill("3")
        box.get_by_label("b", exact=True).fill("91")
        box.get_by_role("combobox", name="Head").select_option(str(head))
        stage = box.get_by_role("slider", name="Stage")
        back, forth = (box.get_by_role("button", name=name) for name in ("Back", "Next"))
        expect(back).to_be_disabled()
        expect(box.get_by_role("table")).to_have_count(1)  # what is not seen is not read either
        height = panel.bounding_box()["height"]
        forth.click()
        scores = ", ".join(f"{score:.2f}".replace("-", "−") for score in cache["attn_scores"][0, head, 2].tolist())
        expect(status).to_contain_text(f"they are the scores {scores}.")
        assert stage.get_attribute("aria-valuetext") == "2 of 6: Scores"
        stage.focus()
        page.keyboard.press("ArrowRight")
        cells = box.get_by_role("table").locator("tbody tr")
        for i, share in enumerate(cache["pattern"][0, head, 2].tolist()):
            told = re.search(r"([<\d.]+)%$", cells.nth(i).inner_text().strip())[1]
            assert float(told.strip("<")) == pytest.approx(100 * share, abs=0.1)
        page.keyboard.press("ArrowRight")
        expect(status).to_contain_text(f"of length {float(cache['z'][0, head, 2].norm()):.2f}.")
        page.keyboard.press("End")
        lengths = [float(cache[name][0, 2].norm()) for name in ("resid_pre", "resid_mid")]
        expect(status).to_contain_text(f"had length {lengths[0]:.2f} and has {lengths[1]:.2f} now")
        expect(forth).to_be_disabled()
        expect(panel).to_have_attribute("data-state", f"3 91 {head} 5")
        assert abs(panel.bounding_box()["height"] - height) < 30
        box.get_by_label("a", exact=True).fill("113")
        expect(status).to_have_text("Give whole numbers from 0 to 112.")
        assert watched.troubles == []


# --- circles ---


def test_two_turns_make_the_turn_of_the_sum(browser: Browser, site: Site):
    run = runs.load("main")
    p = run.config.p
    with opened(browser, url_of(site, PAGE["circles"])) as watched:
        box = started(watched.page, "circles")
        box.get_by_label("a", exact=True).fill("100")
        box.get_by_label("b", exact=True).fill("50")
        told = box.get_by_role("status")
        expect(told).to_contain_text("37 = 100 + 50 − 113")
        box.get_by_role("slider", name="Frequency").fill("2")  # the third frequency
        expect(told).to_contain_text("Frequency 3")
        turn = [360 * (3 * n % p) / p for n in (100, 50, 37)]
        expect(told).to_contain_text(f"100 is a turn by {turn[0]:.0f}°, 50 one by {turn[1]:.0f}°")
        expect(told).to_contain_text(f"is the turn by {turn[2]:.0f}°")
        assert (turn[0] + turn[1]) % 360 == pytest.approx(turn[2])
        assert watched.troubles == []


def test_the_numbers_lie_where_the_package_has_them(browser: Browser, site: Site):
    run = runs.load("main")
    p = run.config.p
    with opened(browser, url_of(site, PAGE["circles"])) as watched:
        box = started(watched.page, "circles")
        key = int(box.locator("button.gc-small").first.inner_text())
        box.locator("button.gc-small").first.click()
        expect(box.get_by_role("status")).to_contain_text(f"Frequency {key}, key")
        read = box.locator("svg circle:not(.gc-handle, .gc-grip, .gc-ideal)").evaluate_all(
            "dots => dots.map(dot => [Number(dot.getAttribute('cx')), Number(dot.getAttribute('cy'))])"
        )
    points = fourier.circle(run.model().W_E[:p].detach(), key).double().numpy()
    shown = (np.array(read) - 200) * [1, -1]
    scale = np.abs(shown).max() / np.abs(points).max()
    np.testing.assert_allclose(shown, points * scale, atol=0.01 * np.abs(shown).max())


def test_a_number_is_dragged(browser: Browser, site: Site):
    with opened(browser, url_of(site, PAGE["circles"])) as watched:
        page = watched.page
        box = started(page, "circles")
        from_, to = (box.locator(place).bounding_box() for place in (".gc-handle.gc-a", "svg circle:nth-of-type(61)"))
        page.mouse.move(from_["x"] + from_["width"] / 2, from_["y"] + from_["height"] / 2)
        page.mouse.down()
        page.mouse.move(to["x"] + to["width"] / 2, to["y"] + to["height"] / 2, steps=4)
        page.mouse.up()
        expect(box.get_by_label("a", exact=True)).to_have_value("59")


def test_the_points_are_joined_by_the_next_turn(browser: Browser, site: Site):
    run = runs.load("main")
    p, W = run.config.p, run.model().W_E.detach()
    with opened(browser, url_of(site, PAGE["circles"])) as watched:
        box = started(watched.page, "circles")
        box.locator("button.gc-small").first.click()
        key = int(box.locator("button.gc-small").first.inner_text())
        energy = fourier.energy_per_frequency(W[:p])
        share = float(100 * energy[key] / energy[1:].sum())
        status = box.get_by_role("status")
        expect(status).to_contain_text(f"Frequency {key}, key")
        assert float(re.search(r"([\d.]+)% of the energy", status.inner_text())[1]) == pytest.approx(share, abs=0.06)
        spoken = box.get_by_role("slider", name="Frequency").get_attribute("aria-valuetext")
        assert f"frequency {key}, a key frequency, {share:.1f}% of the energy" == spoken
        box.get_by_role("combobox", name="Scale").select_option("own")
        box.get_by_role("combobox", name="Join").select_option("turn")
        picture = box.locator("svg.gc-square")
        expect(picture).to_have_attribute("aria-label", re.compile("a scale of its own"))
        assert f"joined in steps of {pow(key, -1, p)}." in picture.get_attribute("aria-label")
        path = np.array(re.findall(r"[\d.]+", box.locator("path.gc-line").get_attribute("d")), float).reshape(-1, 2)
        radius = float(box.locator(".gc-ideal").get_attribute("r"))
    points = fourier.circle(W[:p], key).double().numpy()
    order = pow(key, -1, p) * np.arange(p + 1) % p
    expected = 200 + 175 * points[order] / np.abs(points).max() * [1, -1]
    np.testing.assert_allclose(path, expected, atol=1)
    assert radius == pytest.approx(np.hypot(*(expected[:-1] - 200).T).mean(), abs=1)


# --- clocks ---


def test_clocks_vote_as_numpy_has_it(browser: Browser, site: Site):
    run = runs.load("main")
    p = run.config.p
    with opened(browser, url_of(site, PAGE["clocks"])) as watched:
        box = started(watched.page, "clocks")
        for tick in box.get_by_role("checkbox").all():
            tick.uncheck()
        expect(box.get_by_role("status")).to_contain_text("nobody votes")
        for k in ("3", "40", "9"):
            box.get_by_label("Another frequency").fill(k)
            box.get_by_role("button", name="Add").click()
        expect(box.get_by_role("status")).to_contain_text("3 clocks")
        scores = np.array(box.locator(".gc-moving").evaluate("panel => panel.scores"))
        angles = 2 * np.pi * np.outer([3, 40, 9], 150 - np.arange(p)) / p
        np.testing.assert_allclose(scores, np.cos(angles).mean(axis=0), atol=1e-12)
        box.get_by_role("slider", name="Logits, times").fill("50")
        logits = torch.tensor(50 * scores)
        loss = float(torch.nn.functional.cross_entropy(logits[None], torch.tensor([150 % p])))
        expect(box.get_by_role("status")).to_contain_text("with logits 50 times")
        told = box.get_by_role("status").inner_text()
        assert float(told.rsplit("loss of ", 1)[1]) == pytest.approx(loss, rel=0.05)
        box.get_by_role("slider", name="Logits, times").fill("200")
        expect(box.get_by_role("status")).to_contain_text("with logits 200 times")
        assert "NaN" not in box.get_by_role("status").inner_text()
        box.get_by_label("Another frequency").fill("57")
        box.get_by_role("button", name="Add").click()
        expect(box.get_by_role("status")).to_have_text("Frequencies are whole numbers from 1 to 56.")
        assert watched.troubles == []


# --- voices ---


def test_two_voices_add_up_to_the_model_at_every_question(browser: Browser, site: Site):
    run = runs.load("main")
    p = run.config.p
    key = measures.load("main").key
    with opened(browser, url_of(site, PAGE["voices"])) as watched:
        box = started(watched.page, "voices")
        panel = box.locator(".gc-moving")
        slider = box.get_by_role("slider", name="Step")
        question = box.get_by_role("combobox", name="Question")
        slider.focus()
        for place, name in ((0, "first"), (5, "sixth")):
            question.select_option(index=place)
            a, b = map(int, re.findall(r"\d+", question.locator("option").nth(place).inner_text()))
            for key_pressed, step in (("Home", 0), ("End", None)):
                slider.focus()
                watched.page.keyboard.press(key_pressed)
                if step is None:
                    step = int(panel.get_attribute("data-step"))
                    assert step > 5_000
                expect(box.locator(".gc-step")).to_have_text(f"Step {step:,}")
                with torch.no_grad():
                    table = circuit.all_logits(run.model(step))
                expected = [float(lead) for lead in measures.two_voices(table, key, torch.tensor([a * p + b]))]
                assert panel.evaluate("panel => panel.leads") == pytest.approx(expected, abs=2e-3), name
                answer = (a + b) % p if sum(expected) > 0 else None
                told = box.get_by_role("status").inner_text()
                assert (answer is None) == ("and is wrong" in told)
                assert f"the circuit has {(a + b) % p} " in slider.get_attribute("aria-valuetext")
        assert watched.troubles == []


# --- decays ---


def recorded_at(name: str, step: int) -> dict[str, float]:
    """What the history of a run has at a step."""
    history = runs.load(name).history
    at = int(np.flatnonzero(history["step"] == step)[0])
    values = {f"{part}_accuracy": float(history[f"{part}_accuracy"][at]) for part in ("train", "test")}
    values |= {f"{part}_loss": float(np.log10(history[f"{part}_loss"][at])) for part in ("train", "test")}
    return values | {"norm": float(np.linalg.norm(history["weight_norms"][at]))}


def test_the_sweep_is_gone_through_by_keyboard(browser: Browser, site: Site):
    names = ["wd0-seed0", "wd0.01-seed0", "wd0.1-seed0", "wd0.3-seed0", "main", "wd3-seed0"]
    with opened(browser, url_of(site, PAGE["decays"])) as watched:
        page = watched.page
        box = started(page, "decays")
        panel, status = box.locator(".gc-moving"), box.get_by_role("status")
        decay, step = (box.get_by_role("slider", name=name, exact=True) for name in ("λ", "Step"))
        decay.focus()
        page.keyboard.press("Home")
        for i, name in enumerate(names):
            if i:
                page.keyboard.press("ArrowRight")
            run = runs.load(name)
            expect(panel).to_have_attribute("data-state", f"{run.config.weight_decay:g} 0 3000")
            assert panel.evaluate("panel => panel.seen") == pytest.approx(recorded_at(name, 3000), abs=1e-3)
            found, end = training.phases(run), run.steps[-1]
            spoken = decay.get_attribute("aria-valuetext")
            assert spoken.startswith(f"{run.config.weight_decay:g}, seed 0: memorised at step {found.memorised:,}, ")
            if found.grokked is None:
                assert spoken.endswith(f"not grokked within {end:,} steps")
                expect(status).to_contain_text(f"99% of the test set not within {end:,} steps")
                expect(status).to_contain_text("censored")
            else:
                assert spoken.endswith(f", grokked at step {found.grokked:,}")
                expect(status).to_contain_text(f"a wait of {found.grokked - found.memorised:,} steps")
                expect(status).not_to_contain_text("censored")
        step.focus()
        page.keyboard.press("End")
        expect(panel).to_have_attribute("data-state", "3 0 5000")
        decay.focus()
        page.keyboard.press("ArrowLeft")
        expect(panel).to_have_attribute("data-state", "1 0 5000")
        assert watched.troubles == []


def test_a_shorter_run_is_seen_at_its_end_and_a_longer_one_where_the_reader_was(browser: Browser, site: Site):
    with opened(browser, url_of(site, PAGE["decays"])) as watched:
        page = watched.page
        box = started(page, "decays")
        panel = box.locator(".gc-moving")
        decay, step = (box.get_by_role("slider", name=name, exact=True) for name in ("λ", "Step"))
        step.fill("200")
        expect(panel).to_have_attribute("data-state", "1 0 20000")
        told = step.get_attribute("aria-valuetext")
        assert told.startswith("step 20,000: 100% of the training set right, 100% of the test set, weight norm ")
        assert float(told.rsplit(" ", 1)[1]) == pytest.approx(recorded_at("main", 20_000)["norm"], abs=0.06)
        decay.focus()
        page.keyboard.press("ArrowRight")
        expect(panel).to_have_attribute("data-state", "3 0 5000")
        assert step.get_attribute("max") == "50"
        page.keyboard.press("ArrowLeft")
        expect(panel).to_have_attribute("data-state", "1 0 20000")
        box.get_by_role("combobox", name="Seed").select_option("2")
        expect(panel).to_have_attribute("data-state", "1 2 12000")
        assert panel.evaluate("panel => panel.seen") == pytest.approx(recorded_at("wd1-seed2", 12_000), abs=1e-3)
        assert "seed 2: memorised" in decay.get_attribute("aria-valuetext")
        page.keyboard.press("Tab")
        decay.focus()
        page.keyboard.press("ArrowLeft")
        expect(panel).to_have_attribute("data-state", "0.3 0 20000")
        expect(box.get_by_role("combobox", name="Seed")).to_be_disabled()
        assert watched.troubles == []


# --- crowd ---


def test_what_a_crowd_says_besides_the_sum_dies_down(browser: Browser, site: Site):
    with opened(browser, url_of(site, PAGE["crowd"])) as watched:
        page = watched.page
        box = started(page, "crowd")
        panel = box.locator(".gc-moving")
        slider = box.get_by_role("slider", name="Neurons")
        slider.focus()
        read = {}
        for pressed, count in (("Home", 1), ("ArrowRight", 2), ("PageUp", None), ("End", 400)):
            page.keyboard.press(pressed)
            if count:
                expect(panel).to_have_attribute("data-state", f"random {count}")
                read[count] = panel.evaluate("panel => panel.sizes")
                assert f"the sum {read[count][0]:.3f}, single waves {read[count][1]:.3f}" in slider.get_attribute(
                    "aria-valuetext"
                )
        expect(box.get_by_role("status")).to_contain_text(f"the sum has {read[400][0]:.3f}")
        # The sum's share is known in closed form: 2/(3π) |cos| of half the angle, of which the mean square is a half,
        # times a wave over the candidates.
        limit = 2 / (3 * np.pi) / 2
        assert read[1][0] == pytest.approx(limit, rel=0.01)
        assert read[400][0] == pytest.approx(limit, rel=0.01)
        for one, many in zip(read[1][1:], read[400][1:], strict=True):
            assert many < one / 5
        box.get_by_role("combobox", name="Phases").select_option("cluster")
        expect(panel).to_have_attribute("data-state", re.compile(r"cluster \d+"))
        assert watched.troubles == []


def test_a_crowds_parts_are_numpys(browser: Browser, site: Site):
    """The single waves and the difference of two neurons, against numpy's transform of the votes' table."""
    run = runs.load("main")
    p = run.config.p
    with opened(browser, url_of(site, PAGE["crowd"])) as watched:
        box = started(watched.page, "crowd")
        box.get_by_role("slider", name="Neurons").fill("2")
        panel = box.locator(".gc-moving")
        expect(panel).to_have_attribute("data-state", "random 2")
        sizes = panel.evaluate("panel => panel.sizes")
        phases = panel.evaluate(
            """async panel => {
                const picture = panel.parentElement.dataset;
                return Array.from((await moving.data("crowd", picture.from)).random.slice(0, 2));
            }"""
        )
    turns = 2 * np.pi * np.arange(p) / p  # another frequency only names the numbers anew
    table = np.zeros((p, p), complex)
    for phase in phases:
        wave = np.cos(turns - phase)
        table += np.maximum(0, wave[:, None] + wave) * np.exp(2j * phase) / 2
    energy = np.abs(np.fft.fft2(table) / p**2) ** 2
    single = energy[1, 0] + energy[0, 1] + energy[-1, 0] + energy[0, -1]
    difference = energy[1, -1] + energy[-1, 1]
    of_sum = sum(energy[j, (2 - j) % p] for j in range(p))
    expected = np.sqrt(np.array([of_sum, single, difference, energy.sum() - of_sum - single - difference]) / 2)
    np.testing.assert_allclose(sizes, expected, atol=1e-4)


# --- heads ---


def test_a_question_is_followed_through_the_hole(browser: Browser, site: Site):
    run = runs.load("main")
    model, p = run.model(), run.config.p
    form = circuit.effective_weights(model)
    learnt = circuit.attention_from(form)
    frozen = learnt.mean(dim=(2, 3), keepdim=True).expand_as(learnt)
    with opened(browser, url_of(site, PAGE["heads"])) as watched:
        page = watched.page
        box = started(page, "heads")
        panel = box.locator(".gc-moving")
        k = int(re.search(r"frequency (\d+) of the main run", box.locator("option").first.inner_text())[1])
        numbers = torch.arange(p).double()
        a, b = 3, 91
        for name, n in (("a", a), ("b", b)):
            slider = box.get_by_role("slider", name=name, exact=True)
            slider.fill(str(n - 1))
            slider.focus()
            page.keyboard.press("ArrowRight")
        attention = box.get_by_role("checkbox", name="attention as learnt")
        for is_learnt, pattern in ((True, learnt), (False, frozen)):
            attention.set_checked(is_learnt)
            expect(panel).to_have_attribute("data-state", f"0 {str(is_learnt).lower()} true {a} {b}")
            seen = panel.evaluate("panel => panel.seen")
            table = circuit.logits_from(form, pattern=pattern).double()
            wave = torch.cos(2 * torch.pi * k * (a + b - numbers) / p)
            scale = seen["curve"][0] / 100
            assert seen["strength"] == pytest.approx(float(table[a, b] @ wave / (wave @ wave)), abs=scale)
            by_difference = circuit.strength_by_difference(table, [k])[0]
            steps = (k * torch.arange(p)) % p
            expected = [float(by_difference[torch.minimum(steps, p - steps) == i].mean()) for i in range(p // 2 + 1)]
            np.testing.assert_allclose(seen["curve"], expected, atol=scale)
            np.testing.assert_allclose(seen["attention"], pattern[:, :, a, b].T, atol=1e-3)
            spoken = box.get_by_role("slider", name="b", exact=True).get_attribute("aria-valuetext")
            assert spoken == f"{b}: {seen['angle']:.0f} degrees apart, strength {seen['strength']:.1f}"
            expect(box.get_by_role("status")).to_contain_text(f"wave: {seen['strength']:.1f}")
        assert watched.troubles == []


def test_the_double_is_missed_where_no_head_is(browser: Browser, site: Site):
    with opened(browser, url_of(site, PAGE["heads"])) as watched:
        box = started(watched.page, "heads")
        panel = box.locator(".gc-moving")
        box.get_by_role("combobox", name="At").select_option(index=1)
        ends = {}
        for is_there in (True, False):
            box.get_by_role("checkbox", name="the double").set_checked(is_there)
            expect(panel).to_have_attribute("data-state", re.compile(f"1 true {str(is_there).lower()} "))
            curve = panel.evaluate("panel => panel.seen.curve")
            ends[is_there] = curve[-1] / curve[0]
        assert ends[False] < 0.2 < ends[True]
        assert watched.troubles == []


def test_a_number_is_dragged_on_the_heads_circle(browser: Browser, site: Site):
    with opened(browser, url_of(site, PAGE["heads"])) as watched:
        page = watched.page
        box = started(page, "heads")
        box.locator("svg.gc-square").first.scroll_into_view_if_needed()
        from_, to = (box.locator(place).bounding_box() for place in (".gc-handle.gc-b", "svg circle:nth-of-type(60)"))
        page.mouse.move(from_["x"] + from_["width"] / 2, from_["y"] + from_["height"] / 2)
        page.mouse.down()
        page.mouse.move(to["x"] + to["width"] / 2, to["y"] + to["height"] / 2, steps=4)
        page.mouse.up()
        expect(box.get_by_role("slider", name="b", exact=True)).to_have_value("59")


# --- apart ---


def share_told(status: str) -> float:
    return float(re.search(r"([\d.]+)% of the energy", status)[1])


def test_functions_are_taken_apart_as_numpy_does(browser: Browser, site: Site):
    with opened(browser, url_of(site, PAGE["apart"])) as watched:
        page = watched.page
        box = started(page, "apart")
        panel, status = box.locator(".gc-moving"), box.get_by_role("status")
        given = panel.evaluate("panel => moving.data('apart', panel.parentElement.dataset.from)")
        names = given["facts"]["names"]
        slider = box.get_by_role("slider", name="Frequencies")
        for at, name in enumerate(names):
            box.get_by_role("combobox", name="Function").select_option(label=name)
            p, top = given["facts"]["p"], given["facts"]["p"] // 2
            values = np.array(given["values"])[at * p : (at + 1) * p]
            stored = np.array(given["energy"])[at * (top + 1) : (at + 1) * (top + 1)]
            slider.focus()
            page.keyboard.press("Home")
            page.keyboard.press("ArrowRight")
            page.keyboard.press("ArrowRight")
            expect(panel).to_have_attribute("data-waves", "2")
            spectrum = np.fft.rfft(values)
            energy = np.abs(spectrum) ** 2 / p * np.where(np.arange(top + 1) > 0, 2, 1)
            np.testing.assert_allclose(panel.evaluate("panel => panel.energy"), energy, atol=1e-9)
            np.testing.assert_allclose(stored, energy, atol=1e-5 * stored.max() + 1e-3)
            largest = 1 + np.argsort(-energy[1:], kind="stable")[:2]
            kept = np.where(np.isin(np.arange(top + 1), [0, *largest]), spectrum, 0)
            if name != "a single peak":  # whose frequencies are equal, in whatever order
                np.testing.assert_allclose(panel.evaluate("panel => panel.sum"), np.fft.irfft(kept, p), atol=1e-9)
            share = 100 * energy[largest].sum() / energy[1:].sum()
            assert share_told(status.inner_text()) == pytest.approx(share, abs=0.06)
            assert f"{share_told(status.inner_text())}% of the energy" in slider.get_attribute("aria-valuetext")
            page.keyboard.press("End")
            expect(panel).to_have_attribute("data-waves", str(top))
            np.testing.assert_allclose(panel.evaluate("panel => panel.sum"), values, atol=1e-9)
        assert watched.troubles == []


def test_a_function_is_drawn(browser: Browser, site: Site):
    with opened(browser, url_of(site, PAGE["apart"])) as watched:
        page = watched.page
        box = started(page, "apart")
        paper = box.locator("svg.gc-draw")
        paper.scroll_into_view_if_needed()
        frame = paper.bounding_box()
        middle = frame["y"] + frame["height"] / 2
        page.mouse.move(frame["x"] + 1, middle)
        page.mouse.down()
        page.mouse.move(frame["x"] + frame["width"] - 2, middle, steps=3)
        page.mouse.up()
        expect(box.get_by_role("combobox", name="Function")).to_have_value("own")
        expect(box.get_by_role("status")).to_contain_text("the function is constant")
        page.mouse.move(frame["x"] + frame["width"] / 2, middle - frame["height"] / 4)
        page.mouse.down()
        page.mouse.up()
        expect(box.get_by_role("status")).not_to_contain_text("the function is constant")
        assert watched.troubles == []


def test_a_function_is_made_by_keyboard(browser: Browser, site: Site):
    with opened(browser, url_of(site, PAGE["apart"])) as watched:
        page = watched.page
        box = started(page, "apart")
        box.get_by_role("combobox", name="Function").select_option(label="a single peak")
        box.get_by_role("slider", name="Number").focus()
        for _ in range(3):
            page.keyboard.press("ArrowRight")
        value = box.get_by_role("slider", name="its value")
        assert value.get_attribute("aria-valuetext") == "0.00"
        value.focus()
        page.keyboard.press("End")
        assert value.get_attribute("aria-valuetext") == "1.00"
        assert box.get_by_role("slider", name="Number").get_attribute("aria-valuetext") == "3, whose value is 1.00"
        expect(box.get_by_role("combobox", name="Function")).to_have_value("own")
        energy = np.array(box.locator(".gc-moving").evaluate("panel => panel.energy"))
        assert energy.sum() == pytest.approx(2, abs=1e-3)  # two peaks of height 1
        assert watched.troubles == []
