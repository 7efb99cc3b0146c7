// One number, the weight decay, and what it does to a run: the recorded runs of a sweep, to be gone through.
moving.picture("decays", (panel, data) => {
  const { make, thousands, percent, power, written } = moving;
  const CURVES = ["train_loss", "test_loss", "train_accuracy", "test_accuracy", "norm"];
  let from = 0;
  const runs = data.facts.runs.map((run) => {
    const to = from + run.steps.length;
    const curves = Object.fromEntries(CURVES.map((name) => [name, data[name].subarray(from, to)]));
    from = to;
    return { ...run, ...curves, end: run.steps.at(-1) };
  });
  const decays = [...new Set(runs.map(({ decay }) => decay))];
  const longest = Math.max(...runs.map(({ end }) => end));
  const start = Math.min(...runs.map(({ steps }) => steps[1]));

  // What is looked at: a run, and the step that the reader chose, which a shorter run may not have.
  let run = runs.find(({ decay }) => decay === decays.at(-2)) ?? runs[0];
  let wanted = 3000;
  const nearest = () => run.steps.reduce((best, step, i) => (Math.abs(step - wanted) < Math.abs(run.steps[best] - wanted) ? i : best), 0);
  let at = nearest();

  // --- the charts, on one axis of steps: logarithmic, with step 0 a little before the first look ---

  const width = 360;
  const edge = { left: 44, right: 12, top: 10, bottom: 24 };
  const across = (step) => {
    const share = Math.log(Math.max(step, start / 2) / (start / 2)) / Math.log(longest / (start / 2));
    return edge.left + (width - edge.left - edge.right) * share;
  };
  const words = (text, x, y, anchor = "start") => make("svg:text", { x, y, "text-anchor": anchor }, text);
  const frame = (height) => {
    const chart = make("svg:svg", { viewBox: `0 0 ${width} ${height}`, "aria-hidden": "true" });
    chart.append(words("0", across(0), height - 6, "middle"));
    for (let step = 10 ** Math.ceil(Math.log10(start)); step <= longest; step *= 10) {
      chart.append(words(thousands(step), across(step), height - 6, "middle"));
    }
    const cursor = make("svg:line", { class: "gc-cursor", y1: edge.top, y2: height - edge.bottom });
    return { chart, cursor };
  };
  // Curves of the chosen run in front of those of all runs; ticks are [value, its text].
  const curves = (title, ticks, shown) => {
    const height = 170;
    const [low, high] = [ticks[0][0], ticks.at(-1)[0]];
    const up = (value) => edge.top + ((height - edge.top - edge.bottom) * (high - value)) / (high - low);
    const path = (of, name) => `M${Array.from(of[name], (value, i) => `${across(of.steps[i]).toFixed(1)} ${up(value).toFixed(1)}`).join("L")}`;
    const { chart, cursor } = frame(height);
    for (const [value, text] of ticks) {
      chart.append(
        make("svg:line", { class: "gc-grid", x1: edge.left, x2: width - edge.right, y1: up(value), y2: up(value) }),
        words(text, edge.left - 6, up(value) + 4, "end"),
      );
    }
    const others = make("svg:path", { class: "gc-line gc-others", d: runs.map((of) => path(of, Object.keys(shown).at(-1))).join("") });
    const lines = Object.entries(shown).map(([name, hue]) => [name, make("svg:path", { class: "gc-line", stroke: `var(--${hue})` }), make("svg:circle", { r: 4, fill: `var(--${hue})` })]);
    chart.append(others, ...lines.map(([, line]) => line), cursor, ...lines.map(([, , dot]) => dot));
    let drawn = null; // the run whose curves are in front
    const draw = () => {
      const isNew = drawn !== run;
      drawn = run;
      const x = across(run.steps[at]);
      cursor.setAttribute("x1", x);
      cursor.setAttribute("x2", x);
      for (const [name, line, dot] of lines) {
        if (isNew) line.setAttribute("d", path(run, name));
        dot.setAttribute("cx", x);
        dot.setAttribute("cy", up(run[name][at]));
      }
    };
    return { draw, figure: make("figure", {}, make("figcaption", {}, title), chart) };
  };
  const powers = [...data.train_loss, ...data.test_loss];
  const floor = Math.floor(Math.min(...powers) / 3) * 3;
  const roof = Math.ceil(Math.max(...powers) / 3) * 3;
  const exponents = Array.from({ length: (roof - floor) / 3 + 1 }, (_, i) => floor + 3 * i);
  const heaviest = Math.ceil(Math.max(...data.norm) / 20) * 20;
  const charts = [
    curves("Accuracy", [0, 0.5, 1].map((share) => [share, percent(share)]), { train_accuracy: "blue", test_accuracy: "orange" }),
    curves("Loss", exponents.map((exponent) => [exponent, exponent ? power(exponent) : "1"]), { train_loss: "blue", test_loss: "orange" }),
    curves("Weight norm", Array.from({ length: heaviest / 20 + 1 }, (_, i) => [20 * i, String(20 * i)]), { norm: "green" }),
  ];

  // --- all runs, a line each: from memorised to grokked, or to where the run was stopped ---

  const pitch = 14;
  const all = frame(edge.top + runs.length * pitch + edge.bottom);
  const bars = runs.map((one, i) => {
    const y = edge.top + (runs.length - i - 0.5) * pitch;
    const [begins, ends] = [across(one.memorised ?? 0), across(one.grokked ?? one.end)];
    const line = make("svg:line", { x1: begins, x2: ends, y1: y, y2: y, "stroke-width": 3, ...(one.grokked === null && { "stroke-dasharray": "5 4" }) });
    const dot = make("svg:circle", { cx: ends, cy: y, r: one.grokked === null ? 0 : 4.5 });
    const isFirst = runs.findIndex(({ decay }) => decay === one.decay) === i;
    all.chart.append(...(isFirst ? [words(String(one.decay), edge.left - 6, y + 4, "end")] : []), line, dot);
    return [line, dot];
  });
  all.chart.append(all.cursor);
  let marked = null; // the run that stands out among all
  const drawAll = () => {
    if (marked !== run) {
      marked = run;
      runs.forEach((one, i) => {
        const hue = `var(--${one === run ? "orange" : "muted"})`;
        bars[i][0].setAttribute("stroke", hue);
        bars[i][1].setAttribute("fill", hue);
      });
    }
    all.cursor.setAttribute("x1", across(run.steps[at]));
    all.cursor.setAttribute("x2", across(run.steps[at]));
  };

  // --- in words ---

  const ending = (one) => {
    const memorised = one.memorised === null ? `not memorised within ${thousands(one.end)} steps` : `memorised at step ${thousands(one.memorised)}`;
    return `${memorised}, ${one.grokked === null ? `not grokked within ${thousands(one.end)} steps` : `grokked at step ${thousands(one.grokked)}`}`;
  };
  const sentence = (one) => {
    if (one.memorised === null) return `Within its ${thousands(one.end)} steps this run does not answer 99% of the training set.`;
    const first = `99% of the training set is right at step ${thousands(one.memorised)}`;
    if (one.grokked === null) return `${first}, 99% of the test set not within ${thousands(one.end)} steps, where this run was stopped: it is censored, and what it would do later is not known.`;
    return `${first} and 99% of the test set at step ${thousands(one.grokked)}: a wait of ${thousands(one.grokked - one.memorised)} steps. The run was trained for ${thousands(one.end)}.`;
  };
  const named = () => `λ = ${run.decay}, seed ${run.seed}`;
  const tell = () =>
    `step ${thousands(run.steps[at])}: ${percent(run.train_accuracy[at])} of the training set right, ${percent(run.test_accuracy[at])} of the test set, weight norm ${run.norm[at].toFixed(1)}`;
  const facts = make("p", { class: "gc-facts" });
  const told = make("p", { class: "gc-sentence", role: "status" });
  const draw = () => {
    charts.forEach((chart) => chart.draw());
    drawAll();
    const part = (hue, name, accuracy, loss) =>
      make("span", {}, make("b", { style: `color:var(--${hue})` }, name), ` ${percent(accuracy[at])} right, loss ${written(10 ** loss[at])}`);
    facts.replaceChildren(
      make("span", { class: "gc-step" }, named()),
      make("span", { class: "gc-step" }, `Step ${thousands(run.steps[at])}`),
      part("blue", "training set", run.train_accuracy, run.train_loss),
      part("orange", "test set", run.test_accuracy, run.test_loss),
      make("span", {}, make("b", { style: "color:var(--green)" }, "weight norm"), ` ${run.norm[at].toFixed(1)}`),
    );
    if (told.textContent !== sentence(run)) told.textContent = sentence(run);
    panel.dataset.state = `${run.decay} ${run.seed} ${run.steps[at]}`;
    panel.seen = Object.fromEntries(CURVES.map((name) => [name, run[name][at]])); // for who wants to check them
  };
  const redraw = moving.oncePerFrame(draw);

  // --- what the reader sets ---

  const seed = make("select");
  const shown = { decay: make("span", { class: "gc-number", "aria-hidden": "true" }), step: make("span", { class: "gc-number", "aria-hidden": "true" }) };
  const show = () => {
    shown.decay.textContent = String(run.decay);
    shown.step.textContent = thousands(run.steps[at]);
    redraw();
  };
  // Another run, seen at the step that the reader last chose, or at its last.
  const turnTo = (next) => {
    run = next;
    at = nearest();
    const siblings = runs.filter(({ decay }) => decay === run.decay);
    seed.replaceChildren(...siblings.map((one) => make("option", one === run ? { value: one.seed, selected: "" } : { value: one.seed }, `${one.seed}`)));
    seed.disabled = siblings.length === 1;
  };
  const step = moving.slider({
    label: "Step",
    most: run.steps.length - 1,
    value: at,
    told: (value) => {
      at = value;
      return tell();
    },
    changed: () => {
      wanted = run.steps[at];
      show();
    },
  });
  const place = () => {
    step.input.max = run.steps.length - 1;
    step.input.value = at;
    step.input.setAttribute("aria-valuetext", tell());
    show();
  };
  const decay = moving.slider({
    label: "λ",
    most: decays.length - 1,
    value: decays.indexOf(run.decay),
    told: (value) => {
      const siblings = runs.filter((one) => one.decay === decays[value]);
      turnTo(siblings.find((one) => one.seed === run.seed) ?? siblings[0]);
      return `${run.decay}, seed ${run.seed}: ${ending(run)}`;
    },
    changed: place,
  });
  decay.row.append(shown.decay);
  step.row.append(shown.step);
  seed.addEventListener("change", () => {
    turnTo(runs.find((one) => one.decay === run.decay && one.seed === Number(seed.value)));
    decay.input.setAttribute("aria-valuetext", `${run.decay}, seed ${run.seed}: ${ending(run)}`);
    place();
  });

  panel.append(
    make("div", { class: "gc-controls" }, decay.row, make("label", { class: "gc-field" }, make("span", {}, "Seed"), seed), step.row),
    facts,
    make("div", { class: "gc-columns gc-even" }, ...charts.map(({ figure }) => figure), make("figure", {}, make("figcaption", {}, "All runs by λ: from memorised to grokked (a dot), or to where the run was stopped"), all.chart)),
    told,
  );
  place();
  draw();
  return null;
});
