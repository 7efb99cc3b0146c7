// A run that one moves through: the addition table filling in, both losses, and the embedding's spectrum.
moving.picture("scrub", (panel, data) => {
  const { make, thousands, percent, power, written } = moving;
  const { p, symbol, checkpoints, steps, key } = data.facts;
  const last = steps.length - 1;
  let now = 0;

  // The newest checkpoint at each step of the history: the table shows that one.
  const shown = steps.map((step) => Math.max(0, checkpoints.findLastIndex((checkpoint) => checkpoint <= step)));
  const count = steps.map((_, i) => `${percent(data.test_accuracy[i])} of the test set right`);

  // --- the table ---
  const table = moving.questionTable(panel, p);
  let drawn = -1;
  const paintTable = () => {
    if (drawn === shown[now]) return;
    drawn = shown[now];
    table.paint(data.training, data.levels.subarray(drawn * p * p, (drawn + 1) * p * p));
  };

  // --- the losses ---
  const width = 360;
  const height = 150;
  const edge = { left: 44, right: 8, top: 10, bottom: 24 };
  const across = (i) => edge.left + ((width - edge.left - edge.right) * steps[i]) / steps[last];
  const losses = [...data.train_loss, ...data.test_loss];
  const floor = Math.floor(Math.min(...losses));
  const roof = Math.ceil(Math.max(...losses));
  const up = (value) => edge.top + ((height - edge.top - edge.bottom) * (roof - value)) / (roof - floor);
  const curve = (values, hue) =>
    make("svg:path", { d: `M${Array.from(values, (v, i) => `${across(i).toFixed(1)} ${up(v).toFixed(1)}`).join("L")}`, class: "gc-line", stroke: `var(--${hue})` });
  const words = (text, x, y, anchor = "start", kind = "") =>
    make("svg:text", { x, y, "text-anchor": anchor, class: kind }, text);
  const cursor = make("svg:line", { class: "gc-cursor", y1: edge.top, y2: height - edge.bottom });
  const marks = ["blue", "orange"].map((hue) => make("svg:circle", { r: 4, fill: `var(--${hue})` }));
  const chart = make("svg:svg", { viewBox: `0 0 ${width} ${height}`, "aria-hidden": "true" });
  for (let exponent = floor; exponent <= roof; exponent += roof - floor > 6 ? 4 : 2) {
    const y = up(exponent);
    chart.append(
      make("svg:line", { class: "gc-grid", x1: edge.left, x2: width - edge.right, y1: y, y2: y }),
      words(exponent ? power(exponent) : "1", edge.left - 6, y + 4, "end"),
    );
  }
  const half = steps[last] / 2;
  for (const step of [0, half, steps[last]]) {
    const x = edge.left + ((width - edge.left - edge.right) * step) / steps[last];
    chart.append(words(thousands(step), x, height - 6, step === 0 ? "start" : step === half ? "middle" : "end"));
  }
  chart.append(curve(data.train_loss, "blue"), curve(data.test_loss, "orange"), cursor, ...marks);

  // --- the spectrum ---
  const frequencies = data.spectrum.length / steps.length;
  const tallest = Math.max(...data.spectrum) ** 2;
  const low = 86;
  const ranked = [...key].sort((one, other) => one - other);
  const bars = Array.from({ length: frequencies }, (_, i) => {
    const rank = ranked.indexOf(i + 1);
    const pitch = (width - edge.left - edge.right) / frequencies;
    const hue = rank < 0 ? "muted" : `frequency${rank % 6}`;
    return make("svg:rect", { x: edge.left + pitch * i + 0.5, width: pitch - 1, fill: `var(--${hue})` });
  });
  const spectrum = make("svg:svg", { viewBox: `0 0 ${width} ${low + 24}`, "aria-hidden": "true" });
  spectrum.append(
    make("svg:line", { class: "gc-grid", x1: edge.left, x2: width - edge.right, y1: low, y2: low }),
    ...bars,
    ...ranked.map((k, i) => {
      const [before, after] = [k - (ranked[i - 1] ?? -9) < 4, (ranked[i + 1] ?? 999) - k < 4];
      const anchor = before === after ? "middle" : before ? "start" : "end";
      const shift = { middle: 0, start: -4, end: 4 }[anchor];
      return words(String(k), edge.left + ((width - edge.left - edge.right) * (k - 0.5)) / frequencies + shift, low + 15, anchor);
    }),
  );

  // --- all of it ---
  const facts = make("p", { class: "gc-facts" });
  const tell = (i) =>
    `step ${thousands(steps[i])}: ${percent(data.train_accuracy[i])} of the training set right, ${count[i]}`;
  const draw = () => {
    paintTable();
    const x = across(now);
    cursor.setAttribute("x1", x);
    cursor.setAttribute("x2", x);
    [data.train_loss, data.test_loss].forEach((values, which) => {
      marks[which].setAttribute("cx", x);
      marks[which].setAttribute("cy", up(values[now]));
    });
    bars.forEach((bar, i) => {
      const share = data.spectrum[now * frequencies + i] ** 2 / tallest;
      bar.setAttribute("y", low - (low - 8) * share);
      bar.setAttribute("height", (low - 8) * share);
    });
    const row = (hue, name, accuracy, loss) =>
      make("span", {}, make("b", { style: `color:var(--${hue})` }, name), ` ${percent(accuracy[now])} right, loss ${written(10 ** loss[now])}`);
    facts.replaceChildren(
      make("span", { class: "gc-step" }, `Step ${thousands(steps[now])}`),
      row("blue", "training set", data.train_accuracy, data.train_loss),
      row("orange", "test set", data.test_accuracy, data.test_loss),
    );
    table.canvas.setAttribute("aria-label", `The table of all ${thousands(p * p)} questions a ${symbol} b at ${tell(now)}.`);
  };
  const redraw = moving.oncePerFrame(draw);

  const control = moving.slider({ label: "Step", most: last, told: tell, changed: (value) => ((now = value), redraw()) });
  const play = make("button", { type: "button", class: "gc-play" }, "Play");
  let playing = 0;
  const stop = () => {
    cancelAnimationFrame(playing);
    playing = 0;
    play.textContent = "Play";
  };
  const begin = () => {
    const from = now === last ? 0 : now;
    const since = performance.now();
    play.textContent = "Pause";
    const tick = (time) => {
      const next = Math.min(last, from + Math.floor(((time - since) / 9000) * last));
      if (next !== now) control.set(next);
      if (next === last) stop();
      else playing = requestAnimationFrame(tick);
    };
    playing = requestAnimationFrame(tick);
  };
  play.addEventListener("click", () => (playing ? stop() : begin()));
  control.input.addEventListener("pointerdown", stop);
  control.input.addEventListener("keydown", stop);

  panel.append(
    facts,
    make(
      "div",
      { class: "gc-columns" },
      make("figure", {}, make("figcaption", {}, `Every question a ${symbol} b, a downwards, b to the right`), table.canvas, table.legend),
      make("div", {}, make("figure", {}, make("figcaption", {}, "Loss"), chart), ...(panel.parentElement.dataset.plain ? [] : [make("figure", {}, make("figcaption", {}, "Energy of the embedding at each frequency"), spectrum)])),
    ),
    make("div", { class: "gc-controls" }, play, control.row),
  );
  draw();

  // Once, when it is looked at: unless the reader prefers things to stand still.
  if (!moving.isStill()) {
    const seen = new IntersectionObserver(
      ([{ isIntersecting }]) => {
        if (!isIntersecting) return;
        seen.disconnect();
        if (now === 0) begin();
      },
      { threshold: 0.6 },
    );
    seen.observe(panel);
  } else {
    control.set(last);
  }
  return () => {
    drawn = -1;
    redraw();
  };
});
