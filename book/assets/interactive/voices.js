// Two models in one: to one question, what the circuit says, what all the rest says, and what comes of both.
moving.picture("voices", (panel, data) => {
  const { make, thousands } = moving;
  const { p, symbol, steps, questions, answers } = data.facts;
  let [at, chosen] = [Math.floor(steps.length / 3), Math.floor(questions.length / 2)];

  // One voice's logits for the question at the step.
  const voice = (table) => table.subarray((at * questions.length + chosen) * p, (at * questions.length + chosen + 1) * p);
  // The largest logit of each question in any voice at any step, so that heights can be compared while one moves.
  const largest = questions.map((_, q) => {
    let most = 0;
    for (let i = 0; i < data.rest.length; i++) {
      if (Math.floor(i / p) % questions.length !== q) continue;
      const [one, other] = [data.circuit[i], data.rest[i]];
      most = Math.max(most, Math.abs(one), Math.abs(other), Math.abs(one + other));
    }
    return most;
  });

  const width = 720;
  const half = 44;
  const pitch = width / p;
  const row = (label) => {
    const bars = ["muted", "green", "purple"].map((hue) => make("svg:path", { fill: `var(--${hue})` }));
    const chart = make("svg:svg", { viewBox: `0 0 ${width} ${2 * half + 4}`, class: "gc-broad", "aria-hidden": "true" });
    chart.append(make("svg:line", { class: "gc-grid", x1: 0, x2: width, y1: half + 2, y2: half + 2 }), ...bars);
    return { bars, figure: make("figure", {}, make("figcaption", {}, label), chart) };
  };
  const bar = (logits, c, scale) => {
    const height = Math.abs(logits[c]) * scale;
    const [x, y] = [c * pitch + 0.5, logits[c] < 0 ? half + 2 : half + 2 - height];
    return `M${x.toFixed(2)} ${y.toFixed(2)}h${Math.max(1, pitch - 1).toFixed(2)}v${height.toFixed(2)}H${x.toFixed(2)}z`;
  };
  const rows = [row("The circuit: the key waves in the logits"), row("All the rest"), row("Both together: what the model says")];
  const facts = make("p", { class: "gc-facts", role: "status" });
  const ahead = (lead) => `${Math.abs(lead).toFixed(1)} ${lead < 0 ? "behind" : "ahead"}`;

  const look = () => {
    const spoken = [voice(data.circuit), voice(data.rest)];
    const both = spoken[0].map((value, c) => value + spoken[1][c]);
    const right = answers[chosen];
    const rival = both.reduce((best, value, c) => (c !== right && (best === null || value > both[best]) ? c : best), null);
    const leads = spoken.map((logits) => logits[right] - logits[rival]);
    return { tables: [...spoken, both], right, rival, leads, lead: leads[0] + leads[1] };
  };
  const told = () => {
    const { right, rival, leads, lead } = look();
    return `step ${thousands(steps[at])}: the circuit has ${right} ${ahead(leads[0])} of ${rival}, the rest ${ahead(leads[1])}, together ${ahead(lead)}`;
  };
  const draw = () => {
    const { tables, right, rival, leads, lead } = look();
    const scale = half / largest[chosen];
    panel.leads = leads; // for who wants to check them
    panel.dataset.step = steps[at];
    tables.forEach((logits, i) => {
      const others = Array.from(logits.keys()).filter((c) => c !== right && c !== rival);
      [others, [right], [rival]].forEach((answers, j) => {
        rows[i].bars[j].setAttribute("d", answers.map((c) => bar(logits, c, scale)).join(""));
      });
    });
    const [a, b] = questions[chosen];
    facts.replaceChildren(
      make("span", { class: "gc-step" }, `Step ${thousands(steps[at])}`),
      make("span", {}, `${a} ${symbol} ${b} = ${right}; its rival is ${rival}`),
      make("span", {}, `the circuit: ${right} is ${ahead(leads[0])}`),
      make("span", {}, `the rest: ${ahead(leads[1])}`),
      make("span", {}, `together ${ahead(lead)}: the model answers ${lead > 0 ? `${right}, and is right` : `${rival}, and is wrong`}`),
    );
  };
  const redraw = moving.oncePerFrame(draw);

  const question = make("select", {}, ...questions.map(([a, b], i) => make("option", i === chosen ? { value: i, selected: "" } : { value: i }, `${a} ${symbol} ${b}`)));
  const step = moving.slider({ label: "Step", most: steps.length - 1, value: at, told: (value) => ((at = value), told()), changed: redraw });
  question.addEventListener("change", () => {
    chosen = Number(question.value);
    step.set(at);
  });
  const legend = make("p", { class: "gc-legend" });
  for (const [hue, text] of [["green", "the right answer"], ["purple", "its rival, the best of the wrong ones"]]) {
    legend.append(make("span", {}, make("i", { class: "gc-swatch", style: `background:var(--${hue})` }), text));
  }

  panel.append(
    make("div", { class: "gc-fields" }, make("label", { class: "gc-field" }, make("span", {}, "Question"), question)),
    facts,
    legend,
    ...rows.map(({ figure }) => figure),
    make("div", { class: "gc-controls" }, step.row),
  );
  draw();
  return null;
});
