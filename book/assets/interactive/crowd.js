// Neurons of different phases vote together: what each adds besides the wave of the sum cancels as more of them join.
moving.picture("crowd", (panel, data) => {
  const { make } = moving;
  const { p, frequency } = data.facts;
  let phases = data.random;
  let n = 1;

  // The waves have frequency 1: with another one the numbers are only renamed, and all sizes are the same.
  const angle = (number) => (2 * Math.PI * number) / p;
  const cos = Float64Array.from({ length: p }, (_, i) => Math.cos((2 * Math.PI * i) / p));
  const sin = Float64Array.from({ length: p }, (_, i) => Math.sin((2 * Math.PI * i) / p));

  // The sum over `counted` neurons of ReLU(cos(x − φ) + cos(y − φ)) times cos 2φ and sin 2φ: what is read along the two
  // directions, for every question. One more or one less is added or taken away.
  const total = [new Float64Array(p * p), new Float64Array(p * p)];
  let counted = 0;
  const vote = (phase, sign) => {
    const wave = cos.map((_, number) => Math.cos(angle(number) - phase));
    const [toCos, toSin] = [sign * Math.cos(2 * phase), sign * Math.sin(2 * phase)];
    for (let a = 0; a < p; a++) {
      for (let b = 0; b < p; b++) {
        const input = wave[a] + wave[b];
        if (input <= 0) continue;
        total[0][a * p + b] += input * toCos;
        total[1][a * p + b] += input * toSin;
      }
    }
  };
  const begin = () => {
    counted = 0;
    for (const part of total) part.fill(0);
  };
  // The mean over the neurons.
  const read = () => {
    if (n < counted / 2) begin();
    for (; counted < n; counted++) vote(phases[counted], 1);
    for (; counted > n; counted--) vote(phases[counted - 1], -1);
    return total.map((part) => part.map((value) => value / n));
  };
  // The sums of a table over all questions of the same a, the same b, and the same a − b.
  const sums = ([re, im]) => {
    const [ofA, ofB, ofDifference] = Array.from({ length: 3 }, () => [new Float64Array(p), new Float64Array(p)]);
    for (let a = 0; a < p; a++) {
      for (let b = 0; b < p; b++) {
        const at = a * p + b;
        const apart = a < b ? a - b + p : a - b;
        ofA[0][a] += re[at];
        ofA[1][a] += im[at];
        ofB[0][b] += re[at];
        ofB[1][b] += im[at];
        ofDifference[0][apart] += re[at];
        ofDifference[1][apart] += im[at];
      }
    }
    return [ofA, ofB, ofDifference];
  };
  // The energy, per question, of the components e^{ix} and e^{−ix} of the table as complex numbers, from its sums over
  // all questions of the same x.
  const energyOf = ([re, im]) => {
    let energy = 0;
    for (const sign of [1, -1]) {
      let [along, aside] = [0, 0];
      for (let x = 0; x < p; x++) {
        along += re[x] * cos[x] + sign * im[x] * sin[x];
        aside += im[x] * cos[x] - sign * re[x] * sin[x];
      }
      energy += (along ** 2 + aside ** 2) / p ** 4;
    }
    return energy;
  };
  // The energy of all that turns as the sum does, whatever its strength at each difference.
  const energyOfSum = ([re, im]) => {
    let energy = 0;
    for (let d = 0; d < p; d++) {
      let [along, aside] = [0, 0];
      for (let a = 0; a < p; a++) {
        const b = (a + d) % p;
        const turn = (a + b) % p;
        along += re[a * p + b] * cos[turn] + im[a * p + b] * sin[turn];
        aside += im[a * p + b] * cos[turn] - re[a * p + b] * sin[turn];
      }
      energy += (along ** 2 + aside ** 2) / p ** 3;
    }
    return energy;
  };
  // How large each part of the votes is, over all questions and candidates: the root of the mean square.
  const sizes = (table) => {
    const all = table.reduce((sum, part) => sum + part.reduce((squares, value) => squares + value ** 2, 0), 0) / p ** 2;
    const sum = energyOfSum(table);
    const [ofA, ofB, difference] = sums(table).map(energyOf);
    const single = ofA + ofB;
    const others = Math.max(0, all - sum - single - difference);
    return [sum, single, difference, others].map((energy) => Math.sqrt(energy / 2));
  };

  const parts = ["the sum", "single waves of a and of b", "the difference", "all else"];
  const rows = make("tbody");
  const canvas = make("canvas", { width: p, height: p, class: "gc-table", role: "img" });
  const pixels = canvas.getContext("2d");
  const image = pixels.createImageData(p, p);
  const facts = make("p", { class: "gc-facts", role: "status" });
  let [table, size] = [null, null];
  const paint = () => {
    const most = table[0].reduce((largest, value) => Math.max(largest, Math.abs(value)), 1e-12);
    moving.shades(panel)(image, table[0], most);
    pixels.putImageData(image, 0, 0);
  };
  const many = (count) => (count === 1 ? "1 neuron" : `${count} neurons`);
  const told = (count) => `${many(count)}: the sum ${size[0].toFixed(3)}, single waves ${size[1].toFixed(3)}, the difference ${size[2].toFixed(3)}`;
  const compute = () => {
    table = read();
    size = sizes(table);
    panel.sizes = size; // for who wants to check them
    panel.dataset.state = `${phases === data.random ? "random" : "cluster"} ${n}`;
  };
  const largest = 0.45;
  const draw = () => {
    paint();
    const hues = ["green", "orange", "blue", "muted"];
    rows.replaceChildren(
      ...parts.map((name, i) =>
        make(
          "tr",
          {},
          make("th", { scope: "row" }, name),
          make("td", {}, make("span", { class: "gc-bar", style: `width:${Math.min(100, (100 * size[i]) / largest).toFixed(1)}%;background:var(--${hues[i]})` }), make("span", { class: "gc-number" }, size[i].toFixed(3))),
        ),
      ),
    );
    const rest = Math.hypot(size[1], size[2], size[3]);
    facts.replaceChildren(
      make("span", { class: "gc-step" }, many(n)),
      make("span", {}, `the sum has ${size[0].toFixed(3)}, everything else together ${rest.toFixed(3)}`),
    );
    canvas.setAttribute("aria-label", `The mean vote of ${many(n)} for candidate 0 over all questions, a downwards and b to the right: ${size[0] > rest ? "stripes along which a + b is constant can be made out" : "no stripes of the sum stand out"}.`);
  };
  const redraw = moving.oncePerFrame(draw);

  const shown = make("span", { class: "gc-number", "aria-hidden": "true" }, String(n));
  compute();
  const slider = moving.slider({
    label: "Neurons",
    most: phases.length,
    value: n,
    told: (count) => {
      n = Math.max(1, count);
      compute();
      return told(n);
    },
    changed: () => {
      shown.textContent = String(n);
      redraw();
    },
  });
  slider.input.min = 1;
  slider.row.append(shown);
  const select = make("select", {}, make("option", { value: "random" }, "drawn at random"), make("option", { value: "cluster" }, `of the run’s ${data.cluster.length} neurons of frequency ${frequency}`));
  select.addEventListener("change", () => {
    phases = data[select.value];
    begin();
    slider.input.max = phases.length;
    slider.set(Math.min(n, phases.length));
  });

  panel.append(
    make("div", { class: "gc-fields" }, make("label", { class: "gc-field" }, make("span", {}, "Phases"), select)),
    facts,
    make(
      "div",
      { class: "gc-columns" },
      make("figure", {}, make("figcaption", {}, "The mean vote for candidate 0, a downwards, b to the right, at frequency 1"), canvas),
      make("table", { class: "gc-bars" }, make("caption", {}, "How large each part of a neuron’s mean vote is, over all questions and candidates"), rows),
    ),
    make("div", { class: "gc-controls" }, slider.row),
  );
  draw();
  return paint;
});
