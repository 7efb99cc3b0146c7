// A small transformer that groks in the page: trained in a worker (grok-training.js) from the package's own initial
// weights and training pairs, with what the reader sets. The weight decay may change while it trains; whatever else is
// changed begins the run anew.
moving.picture("grok", (panel, { facts: { config, options, seeds } }, from) => {
  const { make, slider, thousands, percent, power, written } = moving;
  const { p } = config;
  const EVERY = config.eval_every; // steps between two looks at the model
  const ANSWERED = 0.99;

  // --- what the reader sets: kept in the page's address ---

  const choices = {
    weight_decay: [0, 0.1, 0.3, 0.5, 1, 1.5, 2, 3],
    lr: [0.001, 0.002, 0.003, 0.005, 0.007, 0.01],
    train_fraction: [0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9],
    seed: seeds,
  };
  const settings = {};
  const asked = new URLSearchParams(location.search);
  for (const [name, values] of Object.entries(choices)) {
    if (!values.includes(config[name])) values.push(config[name]);
    values.sort((one, other) => one - other);
    settings[name] = values.includes(Number(asked.get(name) ?? NaN)) ? Number(asked.get(name)) : config[name];
  }
  const keep = () => {
    const address = new URL(location.href);
    for (const [name, value] of Object.entries(settings)) address.searchParams.set(name, value);
    address.hash = panel.closest("section[id]")?.id ?? "";
    history.replaceState(history.state, "", address);
  };
  const nTrain = () => Math.floor(settings.train_fraction * p * p);
  const told = {
    weight_decay: (value) => String(value),
    lr: (value) => String(value),
    train_fraction: () => `${percent(settings.train_fraction)}, ${thousands(nTrain())} of ${thousands(p * p)} questions`,
    seed: (value) => String(value),
  };
  const control = (name, label) => {
    const value = make("span", { class: "gc-value", "aria-hidden": "true" });
    const show = () => (value.textContent = name === "train_fraction" ? percent(settings[name]) : String(settings[name]));
    const { input, row } = slider({
      label,
      most: choices[name].length - 1,
      value: choices[name].indexOf(settings[name]),
      told: (at) => {
        settings[name] = choices[name][at];
        return told[name](settings[name]);
      },
      changed: () => {
        show();
        changed(name);
      },
    });
    input.addEventListener("change", keep);
    row.append(value);
    show();
    return row;
  };

  // --- the losses ---

  const width = 360;
  const height = 172;
  const edge = { left: 44, right: 10, top: 22, bottom: 24 };
  const words = (text, x, y, anchor = "start") => make("svg:text", { x, y, "text-anchor": anchor }, text);
  const axes = make("svg:g");
  const curves = { train: "blue", test: "orange" };
  for (const [part, hue] of Object.entries(curves)) curves[part] = make("svg:path", { class: "gc-line", stroke: `var(--${hue})` });
  const chart = make("svg:svg", { viewBox: `0 0 ${width} ${height}`, "aria-hidden": "true" });
  chart.append(axes, ...Object.values(curves));
  const drawLosses = () => {
    const reach = Math.max(500, 500 * Math.ceil(now.step / 500));
    const heights = looks.flatMap((look) => [look.train_loss, look.test_loss].map((loss) => Math.log10(Math.max(loss, 1e-12))));
    const floor = Math.min(-3, Math.floor(Math.min(...heights)));
    const roof = Math.max(1, Math.ceil(Math.max(...heights)));
    const across = (step) => edge.left + ((width - edge.left - edge.right) * step) / reach;
    const up = (exponent) => edge.top + ((height - edge.top - edge.bottom) * (roof - exponent)) / (roof - floor);
    axes.replaceChildren();
    for (let exponent = floor; exponent <= roof; exponent += roof - floor > 6 ? 4 : 2) {
      axes.append(
        make("svg:line", { class: "gc-grid", x1: edge.left, x2: width - edge.right, y1: up(exponent), y2: up(exponent) }),
        words(exponent ? power(exponent) : "1", edge.left - 6, up(exponent) + 4, "end"),
      );
    }
    for (const [step, anchor] of [[0, "start"], [reach / 2, "middle"], [reach, "end"]]) axes.append(words(thousands(step), across(step), height - 6, anchor));
    for (const { step, mark } of marks) {
      const x = across(step);
      axes.append(
        make("svg:line", { class: "gc-cursor", x1: x, x2: x, y1: edge.top, y2: height - edge.bottom }),
        mark.startsWith("λ") ? words(mark, x + 3, height - edge.bottom - 5) : words(mark, x, edge.top - 6, x > width / 2 ? "end" : "start"),
      );
    }
    for (const part of ["train", "test"]) {
      const points = looks.map((look, i) => `${across(look.step).toFixed(1)} ${up(heights[2 * i + (part === "test")]).toFixed(1)}`);
      curves[part].setAttribute("d", `M${points.join("L")}`);
    }
  };

  // --- the embedding: its spectrum, and the numbers on the circle of the strongest frequency ---

  const low = 108;
  const pitch = 168 / ((p - 1) / 2);
  const [middle, radius] = [[296, 62], 52];
  const bars = Array.from({ length: (p - 1) / 2 }, (_, i) => make("svg:rect", { x: edge.left + pitch * i + 0.5, width: pitch - 1 }));
  const barName = words("", 0, low + 15, "middle");
  const ring = make("svg:polygon", { class: "gc-line", stroke: "var(--frequency0)" });
  const dots = Array.from({ length: p }, () => make("svg:circle", { r: 2.2, fill: "var(--ink)" }));
  const circleName = words("", middle[0], low + 21, "middle");
  const embedding = make("svg:svg", { viewBox: `0 0 ${width} ${low + 24}`, "aria-hidden": "true" });
  embedding.append(
    make("svg:line", { class: "gc-grid", x1: edge.left, x2: edge.left + 168, y1: low, y2: low }),
    ...bars,
    barName,
    ring,
    ...dots,
    circleName,
  );
  const drawEmbedding = () => {
    const { energies, strongest, circle } = now;
    energies.forEach((energy, i) => {
      const tall = ((low - 8) * energy) / largest.energy;
      bars[i].setAttribute("y", low - tall);
      bars[i].setAttribute("height", tall);
      bars[i].setAttribute("fill", `var(--${i + 1 === strongest ? "frequency0" : "muted"})`);
    });
    barName.setAttribute("x", edge.left + pitch * (strongest - 0.5));
    barName.textContent = strongest;
    circleName.textContent = `frequency ${strongest}`;
    const places = Array.from({ length: p }, (_, n) => [0, 1].map((which) => (middle[which] + (radius * circle[2 * n + which]) / largest.reach).toFixed(1)));
    dots.forEach((dot, n) => {
      dot.setAttribute("cx", places[n][0]);
      dot.setAttribute("cy", places[n][1]);
    });
    // Joined in the order in which a wave of this frequency passes them.
    const passed = Array.from({ length: p }, (_, n) => n).sort((one, other) => ((strongest * one) % p) - ((strongest * other) % p));
    ring.setAttribute("points", passed.map((n) => places[n].join(" ")).join(","));
  };

  // --- all of it ---

  const table = moving.questionTable(panel, p);
  table.canvas.setAttribute("aria-label", "The table of all questions a + b.");
  const line = make("p", { class: "gc-facts" });
  const status = make("p", { class: "gc-status", role: "status" });
  const command = make("code");
  let [looks, marks, largest, now, training] = [[], [], {}, null, null];
  const draw = () => {
    if (!now) return;
    table.paint(training, now.levels);
    drawLosses();
    drawEmbedding();
    const part = (hue, name, set) =>
      make("span", {}, make("b", { style: `color:var(--${hue})` }, name), ` ${percent(now[`${set}_accuracy`])} right, loss ${written(now[`${set}_loss`])}`);
    line.replaceChildren(
      make("span", { class: "gc-step" }, `Step ${thousands(now.step)}`),
      part("blue", "training set", "train"),
      part("orange", "test set", "test"),
    );
    const shares = `${percent(now.train_accuracy)} of the training set right, ${percent(now.test_accuracy)} of the test set right`;
    table.canvas.setAttribute("aria-label", `The table of all ${thousands(p * p)} questions a + b at step ${thousands(now.step)}: ${shares}.`);
  };
  const redraw = moving.oncePerFrame(draw);

  const look = (seen) => {
    now = seen;
    looks.push(seen);
    start.disabled = false;
    largest.energy = Math.max(largest.energy ?? 0, ...seen.energies);
    const { circle } = seen;
    for (let n = 0; n < p; n++) largest.reach = Math.max(largest.reach ?? 0, Math.hypot(circle[2 * n], circle[2 * n + 1]));
    const reached = (set, mark, said) => {
      if (seen[`${set}_accuracy`] < ANSWERED || marks.some((one) => one.mark === mark)) return;
      marks.push({ step: seen.step, mark });
      status.textContent = said;
    };
    reached("train", "memorised", `Memorised at step ${thousands(seen.step)}: 99% of the training set right, ${percent(seen.test_accuracy)} of the test set.`);
    reached("test", "grokked", `Grokked at step ${thousands(seen.step)}: 99% of the test set right.`);
    if (isRunning && seen.step >= until) pause("Paused.");
    panel.dataset.step = seen.step;
    redraw();
  };

  // --- the run ---

  let [worker, run, isRunning, until] = [null, 0, false, 0];
  const scripts = panel.parentElement.dataset.scripts;
  // The worker, once its script is there; a script that could not be loaded is asked for again the next time.
  const ready = async () => {
    await loadScript(`${scripts}grok-training.js`);
    if (worker) return;
    const text = `(${moving.grokWorker})((${moving.grokTraining})());`;
    worker = new Worker(URL.createObjectURL(new Blob([text], { type: "text/javascript" })));
    worker.onmessage = ({ data }) => data.run === run && look(data);
    worker.onerror = ({ message }) => pause(`The training stopped: ${message}`);
  };
  const begin = async (said = "") => {
    const mine = ++run;
    now = null;
    start.disabled = true;
    pause(said);
    const { seed, train_fraction, lr, weight_decay } = settings;
    let drawn;
    try {
      [drawn] = await Promise.all([moving.data(`grok-${seed}`, from.replace(/\.js$/, `-${seed}.js`)), ready()]);
    } catch {
      status.textContent = "The training cannot be loaded. Reset tries again.";
      return;
    }
    if (mine !== run) return; // begun again meanwhile
    [looks, marks, largest] = [[], [], {}];
    const order = Array.from(drawn.order, Math.round);
    training = new Uint8Array(p * p);
    for (const question of order.slice(0, nTrain())) training[question] = 1;
    const shapes = { ...config, parameters: drawn.facts.parameters };
    worker.postMessage({ begin: { run, shapes, weights: drawn.weights, order, fraction: train_fraction }, lr, weight_decay, every: EVERY, isRunning });
  };
  const pause = (said = "") => {
    isRunning = false;
    worker?.postMessage({ isRunning });
    start.textContent = now?.step ? "Go on" : "Start";
    if (said) status.textContent = said;
  };
  const go = () => {
    isRunning = true;
    until = now.step + config.steps; // so that no page trains unseen for hours
    worker.postMessage({ isRunning });
    start.textContent = "Pause";
  };
  const changed = (name) => {
    showCommand();
    if (name !== "weight_decay") return begin(`From step 0: ${told.train_fraction()}, learning rate ${settings.lr}, seed ${settings.seed}.`);
    worker?.postMessage({ weight_decay: settings.weight_decay });
    if (now?.step) {
      marks = marks.filter(({ step, mark }) => step !== now.step || !mark.startsWith("λ"));
      marks.push({ step: now.step, mark: `λ ${settings.weight_decay}` });
      status.textContent = `Weight decay ${settings.weight_decay} from step ${thousands(now.step)} on.`;
      redraw();
    }
  };

  // --- the same run in the package ---

  const showCommand = () => {
    const all = { ...options, ...settings, split_seed: settings.seed };
    const words = Object.entries(all).map(([name, value]) => `--${name.replaceAll("_", "-")} ${value}`);
    command.replaceChildren(...["grokcourse train", ...words].flatMap((word, i) => [i ? " " : "", make("span", {}, word)]));
  };
  const copy = make("button", { type: "button" }, "Copy");
  copy.addEventListener("click", async () => {
    try {
      await navigator.clipboard.writeText(command.textContent);
      status.textContent = "The command is copied.";
    } catch {
      getSelection().selectAllChildren(command); // a browser that does not let the page copy
    }
  });

  const start = make("button", { type: "button", disabled: "" }, "Start");
  start.addEventListener("click", () => (isRunning ? pause("Paused.") : go()));
  const reset = make("button", { type: "button" }, "Reset");
  reset.addEventListener("click", () => begin("Back at step 0."));
  panel.append(
    make(
      "div",
      { class: "gc-settings" },
      control("weight_decay", "Weight decay λ"),
      control("lr", "Learning rate"),
      control("train_fraction", "Trained on"),
      control("seed", "Seed"),
    ),
    make("div", { class: "gc-controls" }, start, reset, status),
    make("div", { class: "gc-lined" }, line),
    make(
      "div",
      { class: "gc-columns" },
      make("figure", {}, make("figcaption", {}, "Every question a + b, a downwards, b to the right"), table.canvas, table.legend),
      make(
        "div",
        {},
        make("figure", {}, make("figcaption", {}, "Loss"), chart),
        make("figure", {}, make("figcaption", {}, "Energy of the embedding at each frequency, and the numbers on the circle of the strongest"), embedding),
      ),
    ),
    make("p", { class: "gc-same" }, "A run with these settings, from beginning to end, in the package:"),
    make("div", { class: "gc-command" }, command, copy),
  );
  showCommand();
  begin("Here are the initial weights. Press Start.");
  return redraw;
});
