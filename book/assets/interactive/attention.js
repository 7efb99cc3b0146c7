// Attention at "=", step by step: a question of the reader's, one head, on the weights of a recorded run.
moving.picture("attention", (panel, data) => {
  const { make, thousands } = moving;
  const { p, symbol, step, n_heads, d_head, d_model } = data.facts;
  const places = [0, 1, 2]; // of a, of b, of "="
  let stage = 0;
  let head = 0;

  // --- the calculation ---

  // Row `row` of a table of rows of that length.
  const rowOf = (table, row, length) => table.subarray(row * length, (row + 1) * length);
  const plus = (one, other) => Float64Array.from(one, (value, i) => value + other[i]);
  const total = (values) => values.reduce((sum, value) => sum + value, 0);
  // The key or value at a place: its number's row, if it has one, plus its place's.
  const at = (table, ofPlaces, which, place, token) => {
    const own = rowOf(ofPlaces, which * 3 + place, d_head);
    return token === null ? own : plus(rowOf(table, which * p + token, d_head), own);
  };
  const softmax = (scores) => {
    const top = Math.max(...scores);
    const powers = scores.map((score) => Math.exp(score - top));
    return powers.map((power) => power / total(powers));
  };
  const attend = (which, a, b) => {
    const tokens = [a, b, null];
    const query = rowOf(data.query, which, d_head);
    const keys = places.map((place) => at(data.keys, data.place_keys, which, place, tokens[place]));
    const products = keys.map((key) => key.map((value, i) => value * query[i]));
    const scores = products.map((row) => total(row) / Math.sqrt(d_head));
    const shares = softmax(scores);
    const values = places.map((place) => at(data.values, data.place_values, which, place, tokens[place]));
    const z = Float64Array.from({ length: d_head }, (_, i) => total(places.map((place) => shares[place] * values[place][i])));
    const added = new Float64Array(d_model);
    z.forEach((value, i) => rowOf(data.W_O, which * d_head + i, d_model).forEach((weight, j) => (added[j] += value * weight)));
    return { query, keys, products, scores, shares, values, z, added };
  };
  const lengthOf = (vector) => Math.hypot(...vector);

  // --- what it is drawn with ---

  const signed = (value, digits = 2) => `${value < 0 ? "−" : ""}${Math.abs(value).toFixed(digits)}`;
  const share = (value) => (value < 0.001 ? "<0.1%" : `${(100 * value).toFixed(1)}%`);
  let shade = moving.shades(panel);
  const repaints = new Set();
  // A vector as a row of cells: blue below zero, orange above, by the scale of its group.
  const strip = (length) => {
    const name = make("th", { scope: "row" });
    const canvas = make("canvas", { width: length, height: 1, class: "gc-strip", role: "img" });
    const note = make("td", { class: "gc-number" });
    const pixels = canvas.getContext("2d");
    const image = pixels.createImageData(length, 1);
    let [values, most] = [new Float64Array(length), 1];
    const paint = () => {
      shade(image, values, most);
      pixels.putImageData(image, 0, 0);
    };
    repaints.add(paint);
    const show = (text, vector, scale, told) => {
      [values, most] = [vector, scale || 1];
      name.textContent = text;
      note.textContent = told;
      canvas.setAttribute("aria-label", `${length} numbers from ${signed(Math.min(...vector))} to ${signed(Math.max(...vector))}`);
      paint();
    };
    return { show, row: make("tr", {}, name, make("td", {}, canvas), note) };
  };
  const largest = (vectors) => Math.max(...vectors.map((vector) => Math.max(...vector.map(Math.abs))));
  // Strips, each with its name, its vector and a number beside it; on one scale, but for those that bring their own.
  const strips = (caption, length, count) => {
    const rows = Array.from({ length: count }, () => strip(length));
    const body = make("table", { class: "gc-bars gc-strips" }, make("caption", {}, caption), make("tbody", {}, ...rows.map(({ row }) => row)));
    return { body, show: (entries, scale = largest(entries.filter(([, , , own]) => own === undefined).map(([, vector]) => vector))) => entries.forEach(([name, vector, told, own], i) => rows[i].show(name, vector, own ?? scale, told)) };
  };

  // --- the stages: each a table, and what it says ---

  const query = strips(`The query of “=”, and the key of each position: ${d_head} numbers each, blue below zero`, d_head, 4);
  const scored = strips(`Query times key, number by number; their sum, divided by √${d_head}, is the score`, d_head, 3);
  const softened = make("tbody");
  const heads = ["", "score", "e to the score", "share"];
  const shared = make("table", { class: "gc-bars gc-shares" }, make("caption", {}, "From scores to shares: each power divided by the sum of the three"), make("thead", {}, make("tr", {}, ...heads.map((text) => (text ? make("th", { scope: "col" }, text) : make("td"))))), softened);
  const valued = strips(`The value of each position, with its share; and their average, z: ${d_head} numbers each`, d_head, 4);
  const small = strips(`The average, z: ${d_head} numbers`, d_head, 1);
  const wide = strips(`z times W_O: the ${d_model} numbers that the head adds to the stream`, d_model, 1);
  const stream = strips(`The residual stream at “=”: ${d_model} numbers each, with the vector’s length`, d_model, n_heads + 2);

  const stages = [
    {
      name: "Query and keys",
      body: [query.body],
      draw: ({ query: asked, keys }, names) => {
        const told = (vector) => `length ${lengthOf(vector).toFixed(1)}`;
        query.show([["query", asked, told(asked), largest([asked])], ...keys.map((key, i) => [`key of ${names[i]}`, key, told(key)])]);
        return `“=” calls with its query, which is the same in every question. ${names[0]} and ${names[1]} hold up their keys, and so does “=” itself.`;
      },
    },
    {
      name: "Scores",
      body: [scored.body],
      draw: ({ products, scores }, names) => {
        scored.show(products.map((row, i) => [names[i], row, `${signed(total(row))} → ${signed(scores[i])}`]));
        return `The query’s products with the keys add up to ${products.map((row) => signed(total(row))).join(", ")}. Divided by √${d_head} they are the scores ${scores.map((score) => signed(score)).join(", ")}.`;
      },
    },
    {
      name: "Softmax",
      body: [shared],
      draw: ({ scores, shares }, names) => {
        softened.replaceChildren(
          ...places.map((i) =>
            make(
              "tr",
              {},
              make("th", { scope: "row" }, names[i]),
              make("td", { class: "gc-number" }, signed(scores[i])),
              make("td", { class: "gc-number" }, Math.exp(scores[i]).toPrecision(3)),
              make("td", {}, make("span", { class: "gc-bar", style: `width:${(100 * shares[i]).toFixed(1)}%;background:var(--blue)` }), make("span", { class: "gc-number" }, share(shares[i]))),
            ),
          ),
        );
        return `“=” gives ${share(shares[0])} of its attention to ${names[0]}, ${share(shares[1])} to ${names[1]} and ${share(shares[2])} to itself.`;
      },
    },
    {
      name: "Values",
      body: [valued.body],
      draw: ({ values, shares, z }, names) => {
        valued.show([...values.map((value, i) => [`value of ${names[i]}`, value, `× ${share(shares[i])}`]), ["average, z", z, `length ${lengthOf(z).toFixed(1)}`]]);
        return `What “=” hears is the average of the three values, weighted by the shares: a vector of length ${lengthOf(z).toFixed(2)}.`;
      },
    },
    {
      name: "Back to the stream",
      body: [small.body, wide.body],
      draw: ({ z, added }) => {
        small.show([["z", z, `length ${lengthOf(z).toFixed(1)}`]]);
        wide.show([[`head ${head}`, added, `length ${lengthOf(added).toFixed(1)}`]]);
        return `W_O translates the ${d_head} numbers of z into ${d_model} numbers of the stream: a vector of length ${lengthOf(added).toFixed(2)}.`;
      },
    },
    {
      name: "The sum",
      body: [stream.body],
      draw: (_, names, all) => {
        const sum = all.reduce((vector, { added }) => plus(vector, added), data.start);
        const entries = [["start of “=”", data.start], ...all.map(({ added }, i) => [`head ${i}${i === head ? " (this)" : ""}`, added]), ["together", sum]];
        stream.show(entries.map(([name, vector]) => [name, vector, lengthOf(vector).toFixed(1)]));
        return `All ${n_heads} heads do this at once, each with its own matrices, and what they find is added: the stream at “=” had length ${lengthOf(data.start).toFixed(2)} and has ${lengthOf(sum).toFixed(2)} now.`;
      },
    },
  ];
  const boxes = stages.map(({ body }) => make("div", { class: "gc-layer" }, ...body));

  // --- what the reader sets ---

  const number = (label, value) => {
    const input = make("input", { type: "number", min: 0, max: p - 1, step: 1, value, inputmode: "numeric" });
    input.addEventListener("input", () => draw());
    const get = () => (Number.isInteger(input.valueAsNumber) && input.valueAsNumber >= 0 && input.valueAsNumber < p ? input.valueAsNumber : null);
    return { input, get, row: make("label", { class: "gc-field" }, make("span", {}, label), input) };
  };
  const [a, b] = [number("a", Math.min(100, p - 1)), number("b", Math.min(50, p - 1))];
  const select = make("select", {}, ...Array.from({ length: n_heads }, (_, i) => make("option", { value: i }, String(i))));
  select.addEventListener("change", () => {
    head = Number(select.value);
    draw();
  });

  const facts = make("p", { class: "gc-facts" });
  const told = make("p", { class: "gc-sentence", role: "status" });
  let asked = [];
  let said = []; // at each stage, of this question
  const draw = () => {
    asked = [a, b].map((one) => one.get());
    [a, b].forEach((one, i) => one.input.setAttribute("aria-invalid", String(asked[i] === null)));
    if (asked.includes(null)) {
      said = [];
      told.textContent = `Give whole numbers from 0 to ${p - 1}.`;
      return;
    }
    const names = asked[0] === asked[1] ? [`${asked[0]} (a)`, `${asked[1]} (b)`, "“=”"] : [String(asked[0]), String(asked[1]), "“=”"];
    const all = Array.from({ length: n_heads }, (_, which) => attend(which, ...asked));
    said = stages.map((one) => one.draw(all[head], names, all));
    panel.seen = all.map((one) => Object.fromEntries(["scores", "shares", "z", "added"].map((name) => [name, Array.from(one[name])]))); // for who wants to check them
    turn();
  };
  const turn = () => {
    facts.replaceChildren(
      make("span", { class: "gc-step" }, `${asked[0]} ${symbol} ${asked[1]}, head ${head}`),
      make("span", {}, `${stage + 1} of ${stages.length}: ${stages[stage].name}`),
      make("span", {}, `the model of step ${thousands(step)}`),
    );
    told.textContent = said[stage];
    boxes.forEach((box, i) => box.classList.toggle("gc-away", i !== stage));
    back.disabled = stage === 0;
    next.disabled = stage === stages.length - 1;
    panel.dataset.state = `${asked.join(" ")} ${head} ${stage}`;
  };

  const back = make("button", { type: "button" }, "Back");
  const next = make("button", { type: "button" }, "Next");
  const slider = moving.slider({
    label: "Stage",
    most: stages.length - 1,
    told: (value) => `${value + 1} of ${stages.length}: ${stages[value].name}`,
    changed: (value) => {
      stage = value;
      if (said.length) turn();
    },
  });
  back.addEventListener("click", () => slider.set(stage - 1));
  next.addEventListener("click", () => slider.set(stage + 1));

  panel.append(
    make("div", { class: "gc-fields" }, a.row, b.row, make("label", { class: "gc-field" }, make("span", {}, "Head"), select)),
    make("div", { class: "gc-controls" }, back, next, slider.row),
    facts,
    make("div", { class: "gc-layers" }, ...boxes),
    told,
  );
  draw();
  return () => {
    shade = moving.shades(panel);
    repaints.forEach((paint) => paint());
  };
});
