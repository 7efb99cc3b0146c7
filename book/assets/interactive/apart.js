// A function on the numbers, drawn by hand or chosen, and put together again from its waves, the largest first.
moving.picture("apart", (panel, data) => {
  const { make } = moving;
  const { p, names } = data.facts;
  const top = Math.floor(p / 2);
  const values = Float64Array.from(data.values.subarray(0, p));
  let taken = 0;

  // --- the waves ---

  const cos = Float64Array.from({ length: p }, (_, i) => Math.cos((2 * Math.PI * i) / p));
  const sin = Float64Array.from({ length: p }, (_, i) => Math.sin((2 * Math.PI * i) / p));
  // For each frequency 0 … p // 2: the amounts of cosine and sine, and the energy.
  const transform = () =>
    Array.from({ length: top + 1 }, (_, k) => {
      let [along, aside] = [0, 0];
      values.forEach((value, n) => {
        along += value * cos[(k * n) % p];
        aside += value * sin[(k * n) % p];
      });
      const times = k === 0 || 2 * k === p ? 1 : 2; // else the wave of −k is the same
      return { k, along: (times * along) / p, aside: (times * aside) / p, energy: (times * (along ** 2 + aside ** 2)) / p };
    });
  let waves = [];
  let order = []; // the frequencies but 0, the largest energy first
  let all = 0;
  const analyse = () => {
    waves = transform();
    order = waves.slice(1).sort((one, other) => other.energy - one.energy);
    all = order.reduce((sum, { energy }) => sum + energy, 0);
    panel.energy = waves.map(({ energy }) => energy); // for who wants to check them
  };
  const isFlat = () => all < 1e-12;
  const explained = (count) => (isFlat() ? 1 : order.slice(0, count).reduce((sum, { energy }) => sum + energy, 0) / all);
  const percent = (share) => (share > 0.9995 && share < 1 - 1e-12 ? ">99.9%" : `${(100 * share).toFixed(1)}%`);

  const decimal = (value) => (Math.round(100 * value) / 100 || 0).toFixed(2).replace("-", "−");

  // --- what it shows ---

  const width = 720;
  const half = 130;
  const pitch = width / p;
  const across = (n) => (n + 0.5) * pitch;
  const up = (value) => half + 10 - half * value;
  const dots = Array.from({ length: p }, (_, n) => make("svg:circle", { r: 3, cx: across(n), fill: "var(--ink)" }));
  const line = make("svg:path", { class: "gc-line", stroke: "var(--orange)" });
  const paper = make("svg:svg", { viewBox: `0 0 ${width} ${2 * half + 20}`, class: "gc-broad gc-draw", role: "img" });
  paper.append(make("svg:rect", { width, height: 2 * half + 20, fill: "transparent" }), make("svg:line", { class: "gc-grid", x1: 0, x2: width, y1: up(0), y2: up(0) }), line, ...dots);
  const step = width / (top + 1);
  const bars = Array.from({ length: top + 1 }, (_, k) => make("svg:rect", { x: k * step + 1, width: step - 2 }));
  const marks = [0, 10, 20, 30, 40, 50].filter((k) => k <= top).map((k) => {
    const mark = make("svg:text", { x: (k + 0.5) * step, y: 108, "text-anchor": "middle" });
    mark.textContent = String(k);
    return mark;
  });
  const spectrum = make("svg:svg", { viewBox: `0 0 ${width} 114`, class: "gc-broad", "aria-hidden": "true" });
  spectrum.append(make("svg:line", { class: "gc-grid", x1: 0, x2: width, y1: 84, y2: 84 }), ...bars, ...marks);
  const facts = make("p", { class: "gc-facts", role: "status" });

  const told = (count) => {
    if (!count) return "the mean alone";
    return `${count === 1 ? "1 frequency" : `${count} frequencies`}, the last is ${order[count - 1].k}: ${percent(explained(count))} of the energy`;
  };
  const draw = () => {
    const used = order.slice(0, taken);
    const sum = Array.from({ length: p }, (_, n) => used.reduce((total, { k, along, aside }) => total + along * cos[(k * n) % p] + aside * sin[(k * n) % p], waves[0].along));
    panel.sum = sum;
    panel.dataset.waves = taken;
    dots.forEach((dot, n) => dot.setAttribute("cy", up(values[n])));
    line.setAttribute("d", `M${sum.map((value, n) => `${across(n).toFixed(1)} ${up(value).toFixed(1)}`).join("L")}`);
    const isIn = new Set(used.map(({ k }) => k));
    const most = Math.max(...order.map(({ energy }) => energy), 1e-12);
    bars.forEach((bar, k) => {
      const height = k ? (74 * waves[k].energy) / most : 0;
      bar.setAttribute("y", 84 - height);
      bar.setAttribute("height", height);
      bar.setAttribute("fill", `var(--${isIn.has(k) ? "orange" : "muted"})`);
    });
    paper.setAttribute("aria-label", `A function on the numbers 0 to ${p - 1} as dots, and as a line ${taken ? `its mean and its ${taken} largest waves` : "its mean"}.`);
    const listed = used.slice(0, 6).map(({ k }) => k).join(", ");
    facts.replaceChildren(
      make("span", { class: "gc-step" }, taken === 1 ? "1 frequency" : `${taken} frequencies`),
      ...(isFlat()
        ? [make("span", {}, "the function is constant: its mean is all of it")]
        : [
            make("span", {}, `${percent(explained(taken))} of the energy`),
            make("span", {}, taken ? `in this order: ${listed}${taken > 6 ? ", …" : ""}` : "the mean alone"),
          ]),
    );
  };
  const redraw = moving.oncePerFrame(draw);

  // --- what the reader does ---

  const slider = moving.slider({
    label: "Frequencies",
    most: top,
    told: (count) => (waves.length || analyse(), told(count)),
    changed: (count) => {
      taken = count;
      shown.textContent = String(count);
      redraw();
    },
  });
  const shown = make("span", { class: "gc-number", "aria-hidden": "true" }, "0");
  slider.row.append(shown);
  const anew = () => {
    analyse();
    slider.set(taken);
  };
  const own = make("option", { value: "own" }, "drawn by hand");
  const select = make("select", {}, ...names.map((name, i) => make("option", { value: i }, name)), own);
  select.addEventListener("change", () => {
    if (select.value !== "own") values.set(data.values.subarray(Number(select.value) * p, (Number(select.value) + 1) * p));
    place.set(Number(place.input.value));
    anew();
  });
  const change = (n, value) => {
    values[n] = Math.max(-1, Math.min(1, value));
    select.value = "own";
  };

  // By hand: with the pointer, whatever lies between two places it was seen at follows a straight line.
  let last = null;
  const at = (event) => {
    const frame = paper.getBoundingClientRect();
    const n = Math.floor(((event.clientX - frame.left) / frame.width) * p);
    const value = (half + 10 - ((event.clientY - frame.top) / frame.height) * (2 * half + 20)) / half;
    return [Math.max(0, Math.min(p - 1, n)), value];
  };
  const stroke = (event) => {
    const [n, value] = at(event);
    const [from, old] = last ?? [n, value];
    for (let i = 0; i <= Math.abs(n - from); i++) {
      const share = n === from ? 1 : i / Math.abs(n - from);
      change(from + Math.sign(n - from) * i, old + share * (value - old));
    }
    last = [n, value];
    anew();
  };
  paper.addEventListener("pointerdown", (event) => {
    paper.setPointerCapture(event.pointerId);
    last = null;
    stroke(event);
    event.preventDefault();
  });
  paper.addEventListener("pointermove", (event) => {
    if (paper.hasPointerCapture(event.pointerId)) stroke(event);
  });

  // And with the keyboard: a number, and its value.
  const number = make("span", { class: "gc-number", "aria-hidden": "true" }, "0");
  const place = moving.slider({
    label: "Number",
    most: p - 1,
    told: (n) => `${n}, whose value is ${decimal(values[n])}`,
    changed: (n) => {
      number.textContent = String(n);
      height.input.value = Math.round(20 * values[n]) + 20;
      height.tell();
    },
  });
  place.row.append(number);
  const level = make("span", { class: "gc-number", "aria-hidden": "true" }, "");
  const height = moving.slider({
    label: "its value",
    most: 40,
    value: 20,
    told: (tenths) => decimal((tenths - 20) / 20),
    changed: (tenths) => {
      change(Number(place.input.value), (tenths - 20) / 20);
      height.tell();
      place.input.setAttribute("aria-valuetext", `${place.input.value}, whose value is ${decimal(values[Number(place.input.value)])}`);
      anew();
    },
  });
  height.row.append(level);
  height.tell = () => {
    height.input.setAttribute("aria-valuetext", decimal((height.input.value - 20) / 20));
    level.textContent = decimal((height.input.value - 20) / 20);
  };
  place.set(0);

  panel.append(
    make("div", { class: "gc-fields" }, make("label", { class: "gc-field" }, make("span", {}, "Function"), select)),
    facts,
    make("figure", {}, make("figcaption", {}, "The function (dots) and the sum of its largest waves (line); draw here"), paper),
    make("figure", {}, make("figcaption", {}, "Its spectrum: the energy of each frequency"), spectrum),
    make("div", { class: "gc-controls" }, slider.row),
    make("div", { class: "gc-controls" }, place.row, height.row),
  );
  analyse();
  draw();
  return null;
});
