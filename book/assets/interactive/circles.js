// The numbers on the circle of a chosen frequency, along the run, and two of them whose turns add up.
moving.picture("circles", (panel, data) => {
  const { make, thousands } = moving;
  const { p, frequencies, steps, key } = data.facts;
  const ranked = [...key].sort((one, other) => one - other);
  const side = 400;
  const middle = side / 2;
  const common = 175 / Math.max(...data.size);
  let isCommon = true;
  let isByTurn = false;
  let k = ranked[0] ?? 1;
  let at = steps.length - 1;
  let chosen = [5 % p, 10 % p];

  // Where number n lies: x to the right, y downwards, as the screen has it.
  const place = (n) => {
    const circle = at * frequencies + k - 1;
    const size = isCommon ? data.size[circle] * common : 175;
    const from = 2 * (circle * p + n);
    return [middle + size * data.points[from], middle - size * data.points[from + 1]];
  };
  // The number whose turn is the smallest there is: k times it leaves 1. (Where k and p have a common divisor there is none, and 1 serves.)
  const inverse = () => Array.from({ length: p }, (_, n) => n).find((n) => (k * n) % p === 1) ?? 1;
  const degrees = (n) => (360 * ((k * n) % p)) / p;

  const path = make("svg:path", { class: "gc-line", stroke: "var(--grid)", "stroke-width": 1 });
  const ideal = make("svg:circle", { cx: middle, cy: middle, class: "gc-ideal", fill: "none", stroke: "var(--ink)", "stroke-dasharray": "2 4" });
  const dots = Array.from({ length: p }, () => make("svg:circle", { r: 3 }));
  const roles = ["a", "b", "sum"];
  const hands = roles.map(() => make("svg:line", { x1: middle, y1: middle, stroke: "var(--ink)" }));
  const handles = roles.map((role) => make("svg:circle", { r: role === "sum" ? 8 : 11, class: `gc-handle gc-${role}` }));
  const grips = roles.map(() => make("svg:circle", { r: 34, class: "gc-grip" }));
  const names = roles.map(() => make("svg:text", { class: "gc-name", "text-anchor": "middle" }));
  const picture = make("svg:svg", { viewBox: `0 0 ${side} ${side}`, class: "gc-square", role: "img" });
  picture.append(path, ideal, ...dots, ...hands, ...handles, ...names, ...grips.slice(0, 2));

  const share = (which, frequency) => `${(100 * data.shares[which * frequencies + frequency - 1]).toFixed(1)}%`;
  const facts = make("p", { class: "gc-facts", role: "status" });
  let painted = ""; // the colour of the dots
  const draw = () => {
    const places = Array.from({ length: p }, (_, n) => place(n));
    const rank = ranked.indexOf(k);
    const hue = `var(--${rank < 0 ? "muted" : `frequency${rank % 6}`})`;
    const next = isByTurn ? inverse() : 1;
    const order = Array.from({ length: p + (isByTurn ? 1 : 0) }, (_, i) => places[(i * next) % p]);
    path.setAttribute("d", `M${order.map(([x, y]) => `${x.toFixed(1)} ${y.toFixed(1)}`).join("L")}`);
    const radius = places.reduce((sum, [x, y]) => sum + Math.hypot(x - middle, y - middle), 0) / p;
    ideal.setAttribute("r", radius);
    dots.forEach((dot, n) => {
      dot.setAttribute("cx", places[n][0]);
      dot.setAttribute("cy", places[n][1]);
      if (painted !== hue) dot.setAttribute("fill", hue);
    });
    painted = hue;
    const [a, b] = chosen;
    const sum = (a + b) % p;
    [a, b, sum].forEach((n, i) => {
      const [x, y] = places[n];
      const away = Math.hypot(x - middle, y - middle) || 1;
      hands[i].setAttribute("x2", x);
      hands[i].setAttribute("y2", y);
      hands[i].setAttribute("stroke-dasharray", i === 2 ? "none" : "4 3");
      handles[i].setAttribute("cx", x);
      handles[i].setAttribute("cy", y);
      grips[i].setAttribute("cx", x);
      grips[i].setAttribute("cy", y);
      names[i].setAttribute("x", middle + ((x - middle) * (away + 20)) / away);
      names[i].setAttribute("y", middle + ((y - middle) * (away + 20)) / away + 5);
      names[i].textContent = String(n);
    });
    const turn = (n) => `${degrees(n).toFixed(0)}°`;
    const both = degrees(a) + degrees(b);
    const isOver = both >= 360;
    facts.replaceChildren(
      make("span", { class: "gc-step" }, `Frequency ${k}${rank < 0 ? "" : ", key"}`),
      make("span", {}, `${share(at, k)} of the energy`),
      make("span", {}, `${a} is a turn by ${turn(a)}, ${b} one by ${turn(b)}: together ${both.toFixed(0)}°${isOver ? `, which is ${(both - 360).toFixed(0)}°` : ""}.`),
      make("span", {}, `${sum} = ${a} + ${b}${a + b >= p ? ` − ${p}` : ""} is the turn by ${turn(sum)}.`),
    );
    picture.setAttribute("aria-label", `The numbers 0 to ${p - 1} along frequency ${k} at step ${thousands(steps[at])}, seen at ${isCommon ? "one scale for all frequencies and steps" : "a scale of its own"}, joined ${next === 1 ? "by number" : `in steps of ${next}`}.`);
  };
  const redraw = moving.oncePerFrame(draw);

  const frequency = moving.slider({
    label: "Frequency",
    most: frequencies - 1,
    value: k - 1,
    told: (value) => `frequency ${value + 1}${key.includes(value + 1) ? ", a key frequency" : ""}, ${share(at, value + 1)} of the energy`,
    changed: (value) => ((k = value + 1), redraw()),
  });
  const step = moving.slider({
    label: "Step",
    most: steps.length - 1,
    value: at,
    told: (value) => `step ${thousands(steps[value])}: frequency ${k} has ${share(value, k)} of the energy`,
    changed: (value) => {
      at = value;
      shown.textContent = thousands(steps[value]);
      redraw();
    },
  });
  const shown = make("span", { class: "gc-number" }, thousands(steps[at]));
  step.row.append(shown);

  const fields = ["a", "b"].map((name, i) => {
    const input = make("input", { type: "number", min: 0, max: p - 1, step: 1, value: chosen[i], inputmode: "numeric" });
    input.addEventListener("input", () => {
      const entered = input.valueAsNumber;
      const isGood = Number.isInteger(entered) && entered >= 0 && entered < p;
      input.setAttribute("aria-invalid", String(!isGood));
      if (!isGood) {
        facts.textContent = `Give whole numbers from 0 to ${p - 1}.`;
        return;
      }
      chosen[i] = entered;
      redraw();
    });
    return { input, row: make("label", { class: "gc-field" }, make("span", {}, name), input) };
  });
  const keys = make("div", { class: "gc-fields" }, make("span", {}, "Key frequencies:"));
  for (const one of ranked) {
    const button = make("button", { type: "button", class: "gc-small" }, String(one));
    button.addEventListener("click", () => frequency.set(one - 1));
    keys.append(button);
  }

  const choice = (label, options, changed) => {
    const select = make("select", {}, ...options.map(([value, text]) => make("option", { value }, text)));
    select.addEventListener("change", () => {
      changed(select.value);
      redraw();
    });
    return make("label", { class: "gc-field" }, make("span", {}, label), select);
  };
  const scales = choice("Scale", [["common", "one for all"], ["own", "each its own"]], (value) => (isCommon = value === "common"));
  const joins = choice("Join", [["number", "by number: 0, 1, 2, …"], ["turn", "by the next turn"]], (value) => (isByTurn = value === "turn"));

  // Dragging a or b: to the number that lies nearest.
  [0, 1].forEach((i) => {
    const handle = grips[i];
    handle.addEventListener("pointerdown", (event) => {
      handle.setPointerCapture(event.pointerId);
      event.preventDefault();
    });
    handle.addEventListener("pointermove", (event) => {
      if (!handle.hasPointerCapture(event.pointerId)) return;
      const frame = picture.getBoundingClientRect();
      const x = ((event.clientX - frame.left) * side) / frame.width;
      const y = ((event.clientY - frame.top) * side) / frame.height;
      const far = Array.from({ length: p }, (_, n) => Math.hypot(place(n)[0] - x, place(n)[1] - y));
      chosen[i] = far.indexOf(Math.min(...far));
      fields[i].input.value = chosen[i];
      redraw();
    });
  });

  panel.append(
    make("div", { class: "gc-fields" }, ...fields.map((field) => field.row), keys),
    make("div", { class: "gc-fields" }, scales, joins),
    facts,
    picture,
    make("div", { class: "gc-controls" }, frequency.row, step.row),
  );
  draw();
  return null;
});
