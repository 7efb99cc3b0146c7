// Two numbers on a circle, where their midpoint and the heads' averages lie, and how strongly the answer is heard.
moving.picture("heads", (panel, data) => {
  const { make } = moving;
  const { p, heads, cases } = data.facts;
  let at = 0;
  let isLearnt = true;
  let isDoubled = true;
  const chosen = [20 % p, 70 % p];

  // --- what is known of a question ---

  const apart = (a, b) => {
    const turn = (cases[at].k * (((a - b) % p) + p)) % p;
    return (360 * Math.min(turn, p - turn)) / p;
  };
  const strengthOf = (a, b, state = [isLearnt, isDoubled]) =>
    data.strength[(((at * 2 + (state[0] ? 0 : 1)) * 2 + (state[1] ? 0 : 1)) * p + a) * p + b];
  const attention = (a, b) =>
    Array.from({ length: heads }, (_, head) => {
      const row = (at * 2 + (isDoubled ? 0 : 1)) * heads + head;
      if (!isLearnt) return Array.from(data.shares.subarray(3 * row, 3 * row + 3));
      const place = data.places.subarray(3 * row, 3 * row + 3);
      const scores = [data.scores[row * p + a] + place[0], data.scores[row * p + b] + place[1], place[2]];
      const powers = scores.map((score) => Math.exp(score - Math.max(...scores)));
      const total = powers.reduce((sum, power) => sum + power, 0);
      return powers.map((power) => power / total);
    });
  // The strength by the angle between a and b, on average over the questions with this angle, from 0° on.
  const curves = new Map();
  const curve = (state) => {
    const name = [at, ...state].join();
    if (!curves.has(name)) curves.set(name, average(state));
    return curves.get(name);
  };
  const average = (state) => {
    const sums = new Float64Array(Math.floor(p / 2) + 1);
    const counts = new Float64Array(sums.length);
    for (let a = 0; a < p; a++) {
      for (let b = 0; b < p; b++) {
        const turn = (cases[at].k * (a - b + p)) % p;
        const steps = Math.min(turn, p - turn);
        sums[steps] += strengthOf(a, b, state);
        counts[steps]++;
      }
    }
    return Array.from(sums, (sum, steps) => sum / counts[steps]);
  };

  // --- the circle ---

  const side = 400;
  const middle = side / 2;
  const dots = Array.from({ length: p }, () => make("svg:circle", { r: 2.5, fill: "var(--muted)" }));
  const chord = make("svg:line", { stroke: "var(--ink)", "stroke-dasharray": "4 3" });
  const centre = make("svg:circle", { r: 3, cx: middle, cy: middle, fill: "none", stroke: "var(--ink)" });
  const half = make("svg:rect", { width: 12, height: 12, fill: "var(--ink)" });
  const averages = Array.from({ length: heads }, () => make("svg:circle", { r: 6, fill: "var(--orange)", stroke: "var(--paper)" }));
  const handles = ["a", "b"].map((name) => make("svg:circle", { r: 11, class: `gc-handle gc-${name}` }));
  const grips = ["a", "b"].map(() => make("svg:circle", { r: 34, class: "gc-grip" }));
  const names = ["a", "b"].map(() => make("svg:text", { class: "gc-name", "text-anchor": "middle" }));
  const circle = make("svg:svg", { viewBox: `0 0 ${side} ${side}`, class: "gc-square", role: "img" });
  circle.append(...dots, centre, chord, ...handles, half, ...averages, ...names, ...grips);
  const largest = (table) => table.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
  const radii = cases.map((_, i) => largest(data.points.subarray(2 * i * p, 2 * (i + 1) * p)));
  const strongest = cases.map((_, i) => largest(data.strength.subarray(4 * i * p * p, 4 * (i + 1) * p * p)));
  const place = (n) => {
    const from = 2 * (at * p + n);
    const scale = 160 / radii[at];
    return [middle + scale * data.points[from], middle - scale * data.points[from + 1]];
  };

  // --- the curve ---

  const [left, right, top, bottom] = [44, 388, 14, 350];
  const chart = make("svg:svg", { viewBox: `0 0 ${side} ${side}`, class: "gc-square gc-chart", "aria-hidden": "true" });
  const axis = make("svg:path", { class: "gc-grid", fill: "none" });
  const marks = make("svg:g");
  const pizza = make("svg:path", { class: "gc-line", stroke: "var(--muted)", "stroke-dasharray": "5 4" });
  const line = make("svg:path", { class: "gc-line", stroke: "var(--blue)" });
  const cursor = make("svg:line", { class: "gc-cursor", y1: top, y2: bottom });
  const dot = make("svg:circle", { r: 7, fill: "var(--green)", stroke: "var(--paper)" });
  chart.append(axis, marks, pizza, line, cursor, dot);
  const across = (angle) => left + (angle / 180) * (right - left);
  const mark = (words, where) => make("svg:text", where, words);
  const zero = mark("0", { x: left - 6, "text-anchor": "end" });
  const highest = mark("", { x: left - 6, y: top + 5, "text-anchor": "end" });
  marks.append(
    ...[0, 90, 180].map((degrees) => mark(`${degrees}°`, { x: across(degrees), y: bottom + 22, "text-anchor": degrees === 180 ? "end" : "middle" })),
    zero,
    highest,
    mark("angle between a and b", { x: (left + right) / 2, y: bottom + 44, "text-anchor": "middle" }),
  );

  const facts = make("p", { class: "gc-facts", role: "status" });
  let places = [];
  let placed = null; // the case whose circle is drawn
  const draw = () => {
    const [a, b] = chosen;
    if (placed !== at) {
      placed = at;
      places = Array.from({ length: p }, (_, n) => place(n));
      dots.forEach((one, n) => {
        one.setAttribute("cx", places[n][0]);
        one.setAttribute("cy", places[n][1]);
      });
    }
    [a, b].forEach((n, i) => {
      const [x, y] = places[n];
      const away = Math.hypot(x - middle, y - middle) || 1;
      for (const one of [handles[i], grips[i]]) {
        one.setAttribute("cx", x);
        one.setAttribute("cy", y);
      }
      chord.setAttribute(`x${i + 1}`, x);
      chord.setAttribute(`y${i + 1}`, y);
      names[i].setAttribute("x", middle + ((x - middle) * (away + 24)) / away);
      names[i].setAttribute("y", middle + ((y - middle) * (away + 24)) / away + 5);
      if (names[i].textContent !== String(n)) names[i].textContent = String(n);
    });
    const between = (share) => places[a].map((from, i) => from + (places[b][i] - from) * share);
    const [x, y] = between(0.5);
    half.setAttribute("x", x - 6);
    half.setAttribute("y", y - 6);
    const pattern = attention(a, b);
    pattern.forEach(([toA, toB], head) => {
      const [from, to] = between(toB / (toA + toB));
      averages[head].setAttribute("cx", from);
      averages[head].setAttribute("cy", to);
    });

    const trained = curve([true, true]);
    const shown = curve([isLearnt, isDoubled]);
    const angle = apart(a, b);
    const keeps = Math.abs(Math.cos((angle * Math.PI) / 360));
    const here = strengthOf(a, b);
    const most = strongest[at];
    const least = Math.min(0, ...shown, here);
    const up = (value) => bottom - ((value - least) / (most - least)) * (bottom - top);
    const path = (values) => `M${values.map((value, steps) => `${across((360 * steps) / p).toFixed(1)} ${up(value).toFixed(1)}`).join("L")}`;
    line.setAttribute("d", path(shown));
    pizza.setAttribute("d", path(shown.map((_, steps) => shown[0] * Math.cos((Math.PI * steps) / p))));
    axis.setAttribute("d", `M${left} ${top}V${bottom}M${left} ${up(0)}H${right}`);
    cursor.setAttribute("x1", across(angle));
    cursor.setAttribute("x2", across(angle));
    dot.setAttribute("cx", across(angle));
    dot.setAttribute("cy", up(here));
    zero.setAttribute("y", up(0) + 5);
    if (highest.textContent !== most.toFixed(0)) highest.textContent = most.toFixed(0);
    circle.setAttribute("aria-label", `${a} and ${b} on the circle of frequency ${cases[at].k}, ${angle.toFixed(0)}° apart, with their midpoint and the ${heads} heads’ averages on the line between them.`);
    panel.seen = { angle, strength: here, attention: pattern, curve: shown }; // for who wants to check them
    panel.dataset.state = `${at} ${isLearnt} ${isDoubled} ${a} ${b}`;
    facts.replaceChildren(
      make("span", { class: "gc-step" }, `${a} + ${b}`),
      make("span", {}, `${angle.toFixed(0)}° apart: the midpoint keeps ${keeps.toFixed(2)} of the radius`),
      make("span", {}, `attention to ${a}: ${pattern.map(([toA]) => `${(100 * toA).toFixed(0)}%`).join(", ")}`),
      make("span", {}, `strength of the answer’s wave: ${here.toFixed(1)}, which is ${((100 * here) / trained[0]).toFixed(0)}% of that at 0° as trained`),
    );
  };
  const redraw = moving.oncePerFrame(draw);

  // --- what the reader sets ---

  const told = (n, i) => {
    const [a, b] = i ? [chosen[0], n] : [n, chosen[1]];
    return `${n}: ${apart(a, b).toFixed(0)} degrees apart, strength ${strengthOf(a, b).toFixed(1)}`;
  };
  const sliders = ["a", "b"].map((name, i) => {
    const shown = make("span", { class: "gc-number", "aria-hidden": "true" }, String(chosen[i]));
    const one = moving.slider({
      label: name,
      most: p - 1,
      value: chosen[i],
      told: (n) => told(n, i),
      changed: (n) => {
        chosen[i] = n;
        shown.textContent = String(n);
        redraw();
      },
    });
    one.row.append(shown);
    return one;
  });
  const anew = () => sliders.forEach((one, i) => one.set(chosen[i]));
  const select = make("select", {}, ...cases.map(({ name }, i) => make("option", { value: i }, name)));
  const tick = (label, changed) => {
    const input = make("input", { type: "checkbox" });
    const words = make("span", {}, label);
    input.checked = true;
    input.addEventListener("change", () => {
      changed(input.checked);
      anew();
    });
    return { words, row: make("label", { class: "gc-tick" }, input, words) };
  };
  const learnt = tick("attention as learnt (else as on average)", (value) => (isLearnt = value));
  const doubled = tick("", (value) => (isDoubled = value));
  const nameDouble = () => (doubled.words.textContent = `the double, frequency ${cases[at].double}, in the embedding`);
  nameDouble();
  select.addEventListener("change", () => {
    at = Number(select.value);
    nameDouble();
    anew();
  });

  [0, 1].forEach((i) => {
    const grip = grips[i];
    grip.addEventListener("pointerdown", (event) => {
      grip.setPointerCapture(event.pointerId);
      event.preventDefault();
    });
    grip.addEventListener("pointermove", (event) => {
      if (!grip.hasPointerCapture(event.pointerId)) return;
      const frame = circle.getBoundingClientRect();
      const x = ((event.clientX - frame.left) * side) / frame.width;
      const y = ((event.clientY - frame.top) * side) / frame.height;
      const far = Array.from({ length: p }, (_, n) => Math.hypot(place(n)[0] - x, place(n)[1] - y));
      sliders[i].set(far.indexOf(Math.min(...far)));
    });
  });

  const legend = (...entries) => make("p", { class: "gc-legend" }, ...entries.map(([hue, words]) => make("span", {}, make("i", { class: "gc-swatch", style: `background:var(--${hue})` }), words)));
  panel.append(
    make("div", { class: "gc-fields" }, make("label", { class: "gc-field" }, make("span", {}, "At"), select)),
    make("fieldset", { class: "gc-ticks" }, make("legend", {}, "What is left in the model"), make("div", { class: "gc-fields" }, learnt.row, doubled.row)),
    facts,
    make(
      "div",
      { class: "gc-columns" },
      make("figure", {}, make("figcaption", {}, "The two numbers, and what is handed over"), circle, legend(["ink", "the midpoint"], ["orange", "each head’s average"])),
      make("figure", {}, make("figcaption", {}, "Strength of the answer’s wave in the logits"), chart, legend(["blue", "mean of all questions"], ["muted", "a pizza (dashed)"], ["green", "this question"])),
    ),
    make("div", { class: "gc-controls" }, ...sliders.map((one) => one.row)),
  );
  draw();
  return null;
});
