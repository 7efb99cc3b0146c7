// Several clocks vote on one answer: tick which of them take part, and see who wins by how much.
moving.picture("clocks", (panel, data) => {
  const { make, written } = moving;
  const { p, key } = data.facts;
  const top = Math.floor((p - 1) / 2);
  const [a, b] = [100 % p, 50 % p];
  const answer = (a + b) % p;
  const taken = new Set(key.slice(0, 1));
  const offered = new Set([...key].sort((one, other) => one - other));
  let scale = 20;

  const width = 720;
  const half = 70;
  const middle = half + 12;
  const pitch = width / p;
  const bars = Array.from({ length: p }, (_, c) => make("svg:rect", { x: c * pitch + 0.5, width: Math.max(1, pitch - 1), fill: `var(--${c === answer ? "green" : "muted"})` }));
  const name = make("svg:text", { "text-anchor": "middle", x: (answer + 0.5) * pitch, y: 2 * half + 46 });
  name.textContent = String(answer);
  const chart = make("svg:svg", { viewBox: `0 0 ${width} ${2 * half + 52}`, class: "gc-broad", "aria-hidden": "true" });
  chart.append(make("svg:line", { class: "gc-grid", x1: 0, x2: width, y1: middle, y2: middle }), ...bars, name);
  const facts = make("p", { class: "gc-facts", role: "status" });

  const draw = () => {
    const clocks = [...taken];
    const scores = Array.from({ length: p }, (_, c) => {
      const votes = clocks.map((k) => Math.cos((2 * Math.PI * k * (a + b - c)) / p));
      return clocks.length ? votes.reduce((sum, vote) => sum + vote, 0) / clocks.length : 0;
    });
    panel.scores = scores; // for who wants to check them
    bars.forEach((bar, c) => {
      const height = Math.abs(scores[c]) * half;
      bar.setAttribute("y", scores[c] < 0 ? middle : middle - height);
      bar.setAttribute("height", height);
    });
    const [second, best] = scores.reduce((found, score, c) => (c !== answer && score > found[1] ? [c, score] : found), [0, -2]);
    const others = scores.reduce((sum, score, c) => (c === answer ? sum : sum + Math.exp(scale * (score - scores[answer]))), 0);
    facts.replaceChildren(
      make("span", { class: "gc-step" }, clocks.length === 1 ? "1 clock" : `${clocks.length} clocks`),
      ...(clocks.length
        ? [
            make("span", {}, `${answer} scores ${scores[answer].toFixed(3)}, the best other, ${second}, ${best.toFixed(3)}: a lead of ${written(Math.max(0, scores[answer] - best))}`),
            make("span", {}, `with logits ${scale} times the scores, a loss of ${written(Math.log1p(others))}`),
          ]
        : [make("span", {}, "nobody votes: all candidates are alike")]),
    );
  };
  const redraw = moving.oncePerFrame(draw);

  const boxes = make("div", { class: "gc-fields" });
  const offer = (k) => {
    const input = make("input", { type: "checkbox" });
    input.checked = taken.has(k);
    input.addEventListener("change", () => {
      if (input.checked) taken.add(k);
      else taken.delete(k);
      redraw();
    });
    boxes.append(make("label", { class: "gc-tick" }, input, String(k)));
  };
  offered.forEach(offer);
  const other = make("input", { type: "number", min: 1, max: top, step: 1, inputmode: "numeric" });
  const add = make("button", { type: "button" }, "Add");
  add.addEventListener("click", () => {
    const k = other.valueAsNumber;
    const isGood = Number.isInteger(k) && k >= 1 && k <= top;
    other.setAttribute("aria-invalid", String(!isGood));
    if (!isGood) {
      facts.textContent = `Frequencies are whole numbers from 1 to ${top}.`;
      return;
    }
    if (offered.has(k)) {
      for (const label of boxes.children) if (label.textContent === String(k)) label.firstChild.checked = true;
      taken.add(k);
    } else {
      offered.add(k);
      taken.add(k);
      offer(k);
    }
    redraw();
  });
  const shown = make("span", { class: "gc-number" }, String(scale));
  const logits = moving.slider({
    label: "Logits, times",
    most: 200,
    value: scale,
    told: (value) => `${value} times the scores`,
    changed: (value) => {
      scale = value;
      shown.textContent = String(value);
      redraw();
    },
  });
  logits.row.append(shown);

  panel.append(
    make("fieldset", { class: "gc-ticks" }, make("legend", {}, "Frequencies that take part"), boxes),
    make("div", { class: "gc-fields" }, make("label", { class: "gc-field" }, make("span", {}, "Another frequency"), other), add),
    facts,
    make("figure", {}, make("figcaption", {}, `The mean of the clocks’ votes for each candidate answer to ${a} + ${b}`), chart),
    make("div", { class: "gc-controls" }, logits.row),
  );
  draw();
  return null;
});
