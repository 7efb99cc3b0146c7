// The model itself, asked in the page: a question, a checkpoint, and something in the model to put another's in place of.
moving.picture("ask", (panel, data, from) => {
  const { make } = moving;
  const { p, symbol, steps } = data.facts;
  const models = new Map();
  const model = (step) => {
    if (!models.has(step)) models.set(step, moving.data(`ask-${step}`, from.replace(/\.js$/, `-${step}.js`)));
    return models.get(step);
  };

  // --- the forward pass at "=": Transformer.forward of the package, for one question ---

  // A vector (n) times rows `at`, at + 1, … of a matrix with m columns.
  const times = (vector, matrix, n, m, at = 0) => {
    const result = new Float64Array(m);
    for (let i = 0; i < n; i++) {
      const row = (at + i) * m;
      for (let j = 0; j < m; j++) result[j] += vector[i] * matrix[row + j];
    }
    return result;
  };
  const plus = (...vectors) => vectors[0].map((_, i) => vectors.reduce((sum, vector) => sum + vector[i], 0));
  const softmax = (values) => {
    const top = Math.max(...values);
    const shares = Array.from(values, (value) => Math.exp(value - top));
    const total = shares.reduce((sum, share) => sum + share, 0);
    return shares.map((share) => share / total);
  };

  // `put(name, own)` returns what shall stand in the place of an activation.
  const forward = (weights, a, b, put = (_, own) => own) => {
    const { d_model: width, n_heads, d_head, d_mlp, vocabulary } = weights.facts;
    const stream = [a, b, p].map((token, place) => {
      const own = new Float64Array(width);
      for (let i = 0; i < width; i++) own[i] = weights.W_E[token * width + i] + weights.W_pos[place * width + i];
      return put(["at a", "at b", "start"][place], own);
    });
    const pattern = [];
    const heads = [];
    for (let head = 0; head < n_heads; head++) {
      const [query] = [stream[2]].map((x) => times(x, weights["attn.W_Q"], width, d_head, head * width));
      const scores = stream.map((x) => {
        const key = times(x, weights["attn.W_K"], width, d_head, head * width);
        return key.reduce((sum, value, i) => sum + value * query[i], 0) / Math.sqrt(d_head);
      });
      const shares = softmax(scores);
      const moved = plus(...stream.map((x, i) => times(x, weights["attn.W_V"], width, d_head, head * width).map((v) => v * shares[i])));
      pattern.push(shares);
      heads.push(put(`head ${head}`, times(moved, weights["attn.W_O"], d_head, width, head * d_head)));
    }
    const attention = put("attention", plus(...heads));
    const middle = plus(stream[2], attention);
    const neurons = plus(times(middle, weights["mlp.W_in"], width, d_mlp), weights["mlp.b_in"]).map((x) => Math.max(0, x));
    const mlp = put("MLP", plus(times(neurons, weights["mlp.W_out"], d_mlp, width), weights["mlp.b_out"]));
    const read = (vector) => times(vector, weights.W_U, width, vocabulary).slice(0, p);
    return { kept: { "at a": stream[0], "at b": stream[1], attention, MLP: mlp, ...Object.fromEntries(heads.map((head, i) => [`head ${i}`, head])) }, pattern, heads, mlp, start: stream[2], attention, read, logits: read(plus(middle, mlp)) };
  };

  // --- what the reader sets ---

  const number = (label, value) => {
    const input = make("input", { type: "number", min: 0, max: p - 1, step: 1, value, inputmode: "numeric" });
    input.addEventListener("input", () => asked());
    return { input, row: make("label", { class: "gc-field" }, make("span", {}, label), input), get: () => {
      const entered = input.valueAsNumber;
      return Number.isInteger(entered) && entered >= 0 && entered < p ? entered : null;
    } };
  };
  const choice = (label, options, value) => {
    const select = make("select", {}, ...options.map(([key, text]) => make("option", key === value ? { value: key, selected: "" } : { value: key }, text)));
    select.addEventListener("change", () => asked());
    return { select, row: make("label", { class: "gc-field" }, make("span", {}, label), select), get: () => select.value };
  };
  const thousands = (step) => step.toLocaleString("en-GB");
  const a = number("a", Math.min(100, p - 1));
  const b = number("b", Math.min(50, p - 1));
  const step = choice("at step", steps.map((one) => [String(one), thousands(one)]), String(steps.at(-1)));
  const part = choice("Replace", [["", "nothing"], ["attention", "what attention writes"], ["MLP", "what the MLP writes"], ["at a", "the vector at a"], ["at b", "the vector at b"]], "");
  const source = choice("by", [["zero", "zeros"], ["other", "that of another question"]], "other");
  const otherA = number("a′", 5 % p);
  const otherB = number("b′", 10 % p);
  const other = make("div", { class: "gc-fields" }, otherA.row, otherB.row);

  // --- what it shows ---

  const facts = make("p", { class: "gc-facts", role: "status" });
  const width = 720;
  const tall = 120;
  const pitch = width / p;
  const bars = Array.from({ length: p }, (_, i) => make("svg:rect", { x: i * pitch + 0.5, width: Math.max(1, pitch - 1) }));
  const names = Array.from({ length: 3 }, () => make("svg:text", { "text-anchor": "middle" }));
  const chart = make("svg:svg", { viewBox: `0 0 ${width} ${tall + 46}`, class: "gc-broad", "aria-hidden": "true" });
  chart.append(make("svg:line", { class: "gc-grid", x1: 0, x2: width, y1: tall + 20, y2: tall + 20 }), ...bars, ...names);
  const attention = make("tbody");
  const parts = make("tbody");
  const percent = (share) => (share > 0.9995 && share < 1 ? ">99.9%" : share >= 0.1 ? `${(100 * share).toFixed(0)}%` : share >= 0.001 ? `${(100 * share).toFixed(1)}%` : "<0.1%");
  const signed = (value) => `${value < 0 ? "−" : "+"}${Math.abs(value).toFixed(1)}`;
  const cell = (share, text, hue) => make("td", {}, make("span", { class: "gc-bar", style: `width:${(100 * share).toFixed(1)}%;background:var(--${hue})` }), make("span", { class: "gc-number" }, text));

  const show = (weights, result, right) => {
    const shares = softmax(result.logits);
    const ranked = shares.map((share, i) => [share, i]).sort((one, two) => two[0] - one[0]);
    const [best, answer] = ranked[0];
    const isTrained = data.training[a.get() * p + b.get()];
    facts.replaceChildren(
      make("span", { class: "gc-step" }, `${a.get()} ${symbol} ${b.get()} = ${answer}`),
      make("span", {}, `probability ${percent(best)}, then ${ranked.slice(1, 3).map(([share, i]) => `${i} (${percent(share)})`).join(" and ")}`),
      make("span", {}, `right: ${right}, ${isTrained ? "from the training set" : "from the test set"}`),
    );
    bars.forEach((bar, i) => {
      const height = Math.max(shares[i] * tall, shares[i] > 1e-4 ? 0.5 : 0);
      bar.setAttribute("y", tall + 20 - height);
      bar.setAttribute("height", height);
      bar.setAttribute("fill", `var(--${i === right ? "green" : "muted"})`);
    });
    const named = [...new Set([right, ...ranked.slice(0, 2).filter(([share]) => share > 0.02).map(([, i]) => i)])];
    const clear = named.filter((i, at) => named.slice(0, at).every((j) => Math.abs(i - j) * pitch > 44));
    names.forEach((name, at) => {
      const i = clear[at];
      name.textContent = i === undefined ? "" : String(i);
      if (i !== undefined) {
        name.setAttribute("x", Math.min(width - 20, Math.max(20, (i + 0.5) * pitch)));
        name.setAttribute("y", tall + 41);
      }
    });
    attention.replaceChildren(
      ...result.pattern.map((row, head) => make("tr", {}, make("th", { scope: "row" }, `head ${head}`), ...row.map((share) => cell(share, percent(share), "blue")))),
    );
    const lead = (vector) => {
      const read = result.read(vector);
      return read[right] - read.reduce((sum, value) => sum + value, 0) / p;
    };
    const written = [["the start of “=”", lead(result.start)]];
    if (part.get() === "attention") written.push(["attention, as replaced", lead(result.attention)]);
    else result.heads.forEach((head, i) => written.push([`head ${i}`, lead(head)]));
    written.push(["MLP", lead(result.mlp)]);
    const most = Math.max(...written.map(([, value]) => Math.abs(value)), 1e-9);
    parts.replaceChildren(
      ...written.map(([name, value]) => make("tr", {}, make("th", { scope: "row" }, name), cell(Math.abs(value) / most, signed(value), value < 0 ? "orange" : "green"))),
    );
  };

  let turn = 0;
  const asked = async () => {
    const mine = ++turn;
    other.hidden = !part.get() || source.get() === "zero";
    source.row.hidden = !part.get();
    const needed = other.hidden ? [a, b] : [a, b, otherA, otherB];
    const chosen = Number(step.get());
    let weights;
    try {
      weights = await model(chosen);
    } catch {
      facts.textContent = `The weights of step ${thousands(chosen)} cannot be loaded.`;
      return;
    }
    if (mine !== turn) return; // asked again meanwhile
    panel.dataset.step = chosen;
    const isAmiss = needed.some((one) => one.get() === null);
    needed.forEach((one) => one.input.setAttribute("aria-invalid", String(one.get() === null)));
    if (isAmiss) {
      facts.textContent = `Give whole numbers from 0 to ${p - 1}.`;
      return;
    }
    const replaced = part.get();
    const lent = replaced && source.get() === "other" ? forward(weights, otherA.get(), otherB.get()).kept[replaced] : null;
    const put = (name, own) => (name !== replaced ? own : lent ?? new Float64Array(own.length));
    const result = forward(weights, a.get(), b.get(), put);
    panel.logits = Array.from(result.logits); // for who wants to check them
    show(weights, result, data.answers[a.get() * p + b.get()]);
  };

  const table = (caption, heads, body) => make("table", { class: "gc-bars" }, make("caption", {}, caption), ...(heads ? [make("thead", {}, make("tr", {}, ...heads.map((text) => (text ? make("th", { scope: "col" }, text) : make("td")))))] : []), body);
  panel.append(
    make("div", { class: "gc-fields" }, a.row, b.row, step.row),
    make("div", { class: "gc-fields" }, part.row, source.row, other),
    facts,
    make("figure", {}, make("figcaption", {}, `How probable each of the ${p} answers is`), chart),
    make("div", { class: "gc-columns" }, table("Where “=” looks", ["", "a", "b", "="], attention), table("What each part adds to the right answer’s logit, above the mean of all answers", null, parts)),
  );
  asked();
  return null;
});
