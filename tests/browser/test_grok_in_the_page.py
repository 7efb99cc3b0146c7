"""The picture in which the reader trains a model: the same training as the package's, and a person at its controls."""

import re

import numpy as np
import pytest
import torch
from conftest import Site
from playwright.sync_api import Browser, Locator, Page, expect
from test_browser import opened, url_of
from test_moving_pictures import PAGE, started

from grokcourse import cli, fourier, tasks, training
from grokcourse.config import RunConfig
from grokcourse.model import Transformer

STEPS = 200
TRAIN = """async ([seed, fraction, lr, weight_decay, steps]) => {
    const box = document.querySelector('.gc-interactive[data-picture="grok"]');
    const begun = await moving.data("grok", box.dataset.from);
    const drawn = await moving.data(`grok-${seed}`, box.dataset.from.replace(".js", `-${seed}.js`));
    const shapes = { ...begun.facts.config, parameters: drawn.facts.parameters };
    const order = Array.from(drawn.order, Math.round);
    const model = moving.grokTraining().trainer(shapes, drawn.weights, order, fraction);
    const losses = Array.from({ length: steps }, () => model.step(lr, weight_decay));
    const seen = model.evaluate();
    return { losses, ...seen, levels: Array.from(seen.levels) };
}"""


def ready(page: Page) -> Locator:
    """The picture, once it shows the initial weights."""
    box = started(page, "grok")
    expect(box.locator(".gc-moving")).to_have_attribute("data-step", "0")
    return box


def given(page: Page) -> RunConfig:
    """The config with which the page begins."""
    facts = page.evaluate("moving.data('grok', document.querySelector('[data-picture=grok]').dataset.from)")["facts"]
    return RunConfig.from_dict(facts["config"])


def step_of(box: Locator) -> int:
    return int(box.locator(".gc-moving").get_attribute("data-step"))


def at_rest(page: Page, box: Locator) -> int:
    """The step at which it stays: what was begun when it was paused may come a while later on a busy machine."""
    for _ in range(30):
        before = step_of(box)
        page.wait_for_timeout(2_000)
        if step_of(box) == before:
            return before
    pytest.fail("it does not pause")


@pytest.mark.parametrize(("seed", "fraction", "lr", "weight_decay"), [(1, 0.6, 5e-3, 1), (2, 0.3, 1e-2, 0)])
def test_the_page_trains_as_the_package_does(
    browser: Browser, site: Site, seed: int, fraction: float, lr: float, weight_decay: float
):
    with opened(browser, url_of(site, PAGE["grok"])) as watched:
        ready(watched.page)
        own = watched.page.evaluate(TRAIN, [seed, fraction, lr, weight_decay, STEPS])
        config = given(watched.page)
    config = config.replace(
        seed=seed, split_seed=seed, train_fraction=fraction, lr=lr, weight_decay=weight_decay, steps=STEPS
    )
    data = tasks.dataset(config)
    tokens, labels = data.train
    models = {dtype: Transformer.from_config(config).to(dtype) for dtype in (torch.float32, torch.float64)}
    losses: dict[torch.dtype, np.ndarray] = {}
    for dtype, model in models.items():
        optimizer = training.make_optimizer(model, config)
        rates = [training.learning_rate(config, step) for step in range(STEPS)]
        steps = [training.train_step(model, optimizer, tokens, labels, rate).item() for rate in rates]
        losses[dtype] = np.array(steps)
    np.testing.assert_allclose(own["losses"], losses[torch.float64], rtol=1e-3)
    # Float32, in which the package trains, goes its own way after some more steps: rounding errors grow.
    np.testing.assert_allclose(own["losses"][:20], losses[torch.float32][:20], rtol=1e-3)

    model = models[torch.float64]
    for name, value in training.evaluate(model, data).items():
        assert own[name] == pytest.approx(value, rel=1e-3)
    embedding = model.W_E[: config.p].detach()
    energies = fourier.energy_per_frequency(embedding)[1:]
    np.testing.assert_allclose(own["energies"], energies, rtol=1e-3)
    assert own["strongest"] == int(energies.argmax()) + 1
    circle = fourier.circle(embedding, own["strongest"])
    np.testing.assert_allclose(np.reshape(own["circle"], (-1, 2)), circle, atol=1e-3)
    with torch.no_grad():
        shares = model.fast_logits(*data.tokens[:, :2].T).softmax(dim=-1)
    right = shares.gather(1, data.labels[:, None])[:, 0]
    levels = torch.where(shares.argmax(dim=-1) == data.labels, 1 + (right >= 0.5).int() + (right >= 0.9).int(), 0)
    assert own["levels"] == levels.tolist()


def test_it_groks_by_keyboard_and_nothing_moves_about(browser: Browser, site: Site):
    with opened(browser, url_of(site, PAGE["grok"]), reduced_motion="reduce") as watched:
        page = watched.page
        box = ready(page)
        page.evaluate("""() => {
            window.shifted = 0;
            const note = (list) => list.getEntries().forEach((entry) => (window.shifted += entry.value));
            new PerformanceObserver(note).observe({ type: "layout-shift" });
        }""")
        box.get_by_role("button", name="Start").focus()
        page.keyboard.press("Enter")
        status = box.get_by_role("status")
        expect(status).to_contain_text("Memorised at step", timeout=120_000)
        expect(status).to_contain_text("Grokked at step", timeout=120_000)
        grokked = int(re.search(r"step ([\d,]+)", status.inner_text())[1].replace(",", ""))
        assert 200 < grokked < 1500
        page.keyboard.press("Enter")
        expect(box.get_by_role("button", name="Go on")).to_be_focused()
        table = box.locator("canvas").get_attribute("aria-label")
        assert int(re.search(r"(\d+)% of the test set right", table)[1]) >= 97
        assert page.evaluate("window.shifted") == pytest.approx(0, abs=1e-3)
        assert watched.troubles == []


def test_a_run_is_paused_and_begun_anew(browser: Browser, site: Site):
    with opened(browser, url_of(site, PAGE["grok"])) as watched:
        page = watched.page
        box = ready(page)
        before = box.locator(".gc-facts").inner_text()
        box.get_by_role("button", name="Start").click()
        expect(box.locator(".gc-moving")).not_to_have_attribute("data-step", "0")
        box.get_by_role("button", name="Pause").click()
        rested = at_rest(page, box)
        assert rested > 0
        box.get_by_role("button", name="Go on").click()
        page.wait_for_function(f"+document.querySelector('.gc-moving[data-step]').dataset.step > {rested}")
        box.get_by_role("button", name="Reset").click()
        expect(box.locator(".gc-moving")).to_have_attribute("data-step", "0")
        expect(box.get_by_role("button", name="Start")).to_be_enabled()
        expect(box.locator(".gc-step")).to_have_text("Step 0")
        assert box.locator(".gc-facts").inner_text() == before, "the same weights as at first"
        assert watched.troubles == []


def test_the_decay_is_changed_while_it_trains_and_all_else_begins_anew(browser: Browser, site: Site):
    with opened(browser, url_of(site, PAGE["grok"])) as watched:
        page = watched.page
        box = ready(page)
        box.get_by_role("button", name="Start").click()
        expect(box.locator(".gc-moving")).not_to_have_attribute("data-step", "0")
        decay = box.get_by_role("slider", name="Weight decay")
        decay.focus()
        page.keyboard.press("Home")
        assert decay.get_attribute("aria-valuetext") == "0"
        expect(box.get_by_role("status")).to_have_text(re.compile(r"Weight decay 0 from step \d+ on\."))
        expect(box.get_by_role("button", name="Pause")).to_be_visible()
        assert step_of(box) > 0
        share = box.get_by_role("slider", name="Trained on")
        share.focus()
        page.keyboard.press("End")
        p = given(page).p
        assert share.get_attribute("aria-valuetext") == f"90%, {int(0.9 * p * p)} of {p * p} questions"
        expect(box.locator(".gc-moving")).to_have_attribute("data-step", "0")
        expect(box.get_by_role("button", name="Start")).to_be_enabled()
        assert watched.troubles == []


def test_the_settings_are_in_the_address_and_in_the_command(
    browser: Browser, site: Site, monkeypatch: pytest.MonkeyPatch
):
    with opened(browser, url_of(site, PAGE["grok"])) as watched:
        page = watched.page
        box = ready(page)
        config = given(page)
        for name, key in (("Weight decay", "End"), ("Learning rate", "Home"), ("Trained on", "Home"), ("Seed", "End")):
            box.get_by_role("slider", name=name).focus()
            page.keyboard.press(key)
        address = page.url
        assert watched.troubles == []
    with opened(browser, address) as watched:
        box = ready(watched.page)
        chosen = {
            name: float(box.get_by_role("slider", name=label).get_attribute("aria-valuetext"))
            for name, label in (("weight_decay", "Weight decay"), ("lr", "Learning rate"), ("seed", "Seed"))
        }
        command = box.locator(".gc-command code").inner_text()
        assert watched.troubles == []
    assert chosen["weight_decay"] > config.weight_decay
    assert chosen["lr"] < config.lr
    assert chosen["seed"] > config.seed
    trained = []

    def train(config: RunConfig, *_, **__):
        trained.append(config)
        raise ValueError("here nothing is trained")

    monkeypatch.setattr(training, "train", train)
    program, *words = command.split()
    assert program == "grokcourse"
    assert cli.main([*words, "--folder", "never-made"]) == 1
    seed = int(chosen.pop("seed"))
    assert trained == [config.replace(**chosen, train_fraction=0.3, seed=seed, split_seed=seed)]


REFUSE_ONCE = """name => {
    const append = document.head.append;
    document.head.append = script => {
        if (!script.src.includes(name)) return append.call(document.head, script);
        document.head.append = append;
        setTimeout(() => script.onerror());
    };
}"""


def test_a_training_that_could_not_be_loaded_is_asked_for_again(browser: Browser, site: Site):
    with opened(browser, url_of(site, PAGE["grok"])) as watched:
        page = watched.page
        page.evaluate(REFUSE_ONCE, "grok-training.js")
        box = started(page, "grok")
        expect(box.get_by_role("status")).to_have_text("The training cannot be loaded. Reset tries again.")
        box.get_by_role("button", name="Reset").click()
        expect(box.locator(".gc-moving")).to_have_attribute("data-step", "0")
        box.get_by_role("button", name="Start").click()
        expect(box.get_by_role("button", name="Pause")).to_be_visible()
