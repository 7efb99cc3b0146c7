// Pictures that move: what all of them share. A page loads this file; a picture's own script and its data are loaded
// when the picture comes near, as classic scripts, since a page read from a disk may load nothing else.
//
//   moving.picture(name, build)  a picture's script registers it; build(box, data, from) draws in the box, and
//                                returns what to call when the colours have changed; `from` is its data's address
//   moving.receive(content)      a file of data gives what it has (grokcourse.interactive.packing)
//   moving.data(name, address)   the data of that name, from a file that is loaded now if it has not been
const moving = (() => {
  const builders = new Map();
  const received = new Map();

  const float16 = (code) => {
    const sign = code & 0x8000 ? -1 : 1;
    const exponent = (code >> 10) & 31;
    const fraction = code & 1023;
    return sign * (exponent ? (1 + fraction / 1024) * 2 ** (exponent - 15) : fraction * 2 ** -24);
  };

  // A float16's bits, from the character that stands for it (grokcourse.interactive.wide): the codes of what is infinite
  // or no number stand for those that are no characters.
  const codeOf = (unit) => (unit >= 0xfc00 ? unit - 0x2000 : unit >= 0x7c00 && unit < 0x8000 ? unit + 0x5c00 : unit);

  // The numbers of a packed array, flat: Float32Array for float16 and float32, which holds them exactly, and Float64Array
  // else.
  const restore = ({ bits, shape, low, high, base64, text }) => {
    const size = shape.reduce((product, length) => product * length, 1);
    if (text !== undefined) {
      return Float32Array.from({ length: size }, (_, i) => float16(codeOf(text.charCodeAt(i))));
    }
    const bytes = Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));
    if (bits === "float32") {
      const view = new DataView(bytes.buffer);
      return Float32Array.from({ length: size }, (_, i) => view.getFloat32(4 * i, true));
    }
    if (bits === "float16") {
      return Float32Array.from({ length: size }, (_, i) => float16(bytes[2 * i] | (bytes[2 * i + 1] << 8)));
    }
    const most = 2 ** bits - 1;
    const values = new Float64Array(size);
    for (let i = 0; i < size; i++) {
      const at = i * bits;
      const level = bits === 16 ? bytes[2 * i] | (bytes[2 * i + 1] << 8) : (bytes[at >> 3] >> (at & 7)) & most;
      values[i] = low + (level * (high - low)) / most;
    }
    return values;
  };

  const unpacked = ({ facts, arrays }) => ({
    facts,
    ...Object.fromEntries(Object.entries(arrays).map(([name, packed]) => [name, restore(packed)])),
  });

  const data = async (name, address) => {
    await loadScript(address);
    return unpacked(received.get(name));
  };

  // --- what pictures are built of ---

  // An element, or one of SVG if its name begins with "svg:", with attributes, and texts or elements in it.
  const make = (name, attributes = {}, ...children) => {
    const element = name.startsWith("svg:")
      ? document.createElementNS("http://www.w3.org/2000/svg", name.slice(4))
      : document.createElement(name);
    for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
    element.append(...children);
    return element;
  };

  // A slider with a name: a native range input from 0 to `most`. `told(value)` is what a screen reader says of a value.
  const slider = ({ label, most, value = 0, told, changed }) => {
    const input = make("input", { type: "range", min: 0, max: most, step: 1, value });
    const tell = () => input.setAttribute("aria-valuetext", told(Number(input.value)));
    input.addEventListener("input", () => {
      tell();
      changed(Number(input.value));
    });
    tell();
    const set = (next) => {
      input.value = next;
      tell();
      changed(Number(input.value));
    };
    return { input, set, row: make("label", { class: "gc-slider" }, make("span", {}, label), input) };
  };

  // Runs `draw` once before the next frame, however often it is asked to.
  const oncePerFrame = (draw) => {
    let asked = false;
    return () => {
      if (asked) return;
      asked = true;
      requestAnimationFrame(() => {
        asked = false;
        draw();
      });
    };
  };

  // A colour of the figures, such as "blue", as the page's mode has it. It is asked for once in each mode: to ask, the
  // browser has to settle all styles first.
  const colours = new Map();
  const colour = (box, name) => {
    if (!colours.has(name)) colours.set(name, getComputedStyle(box).getPropertyValue(`--${name}`).trim());
    return colours.get(name);
  };

  // Red, green and blue, 0 … 255, of a colour written #rrggbb.
  const rgb = (hex) => [1, 3, 5].map((at) => parseInt(hex.slice(at, at + 2), 16));

  const mixed = (hue, paper, amount) => hue.map((value, i) => Math.round(amount * value + (1 - amount) * paper[i]));

  // Numbers as pixels: fill(image, values, most) has them from the paper's colour at 0 to orange at `most`, and to blue
  // at minus that, in 256 steps.
  const shades = (box) => {
    const paper = rgb(colour(box, "paper"));
    const [up, down] = ["orange", "blue"].map((name) => {
      const hue = rgb(colour(box, name));
      return Array.from({ length: 257 }, (_, level) => mixed(hue, paper, level / 256));
    });
    return (image, values, most) => {
      for (let i = 0; i < values.length; i++) {
        const level = Math.round(256 * Math.min(1, Math.abs(values[i]) / most));
        const [red, green, blue] = (values[i] > 0 ? up : down)[level];
        image.data[4 * i] = red;
        image.data[4 * i + 1] = green;
        image.data[4 * i + 2] = blue;
        image.data[4 * i + 3] = 255;
      }
    };
  };

  // The p × p questions as a square, one pixel a question, made larger. paint(training, levels) colours it: training
  // says which questions are trained on; a level is 0 where the model is wrong, and 1, 2 or 3 by how sure it is.
  const questionTable = (box, p) => {
    const canvas = make("canvas", { width: p, height: p, class: "gc-table", role: "img" });
    const pixels = canvas.getContext("2d");
    const image = pixels.createImageData(p, p);
    const paint = (training, levels) => {
      const paper = rgb(colour(box, "paper"));
      const wrong = mixed(rgb(colour(box, "muted")), paper, 0.16);
      const hues = ["orange", "blue"].map((name) => rgb(colour(box, name)));
      const colours = hues.map((hue) => [wrong, ...[0.45, 0.7, 1].map((amount) => mixed(hue, paper, amount))]);
      for (let i = 0; i < p * p; i++) {
        const [red, green, blue] = colours[training[i]][levels[i]];
        image.data[4 * i] = red;
        image.data[4 * i + 1] = green;
        image.data[4 * i + 2] = blue;
        image.data[4 * i + 3] = 255;
      }
      pixels.putImageData(image, 0, 0);
    };
    const legend = make("p", { class: "gc-legend" });
    for (const [hue, text] of [["blue", "right, training set"], ["orange", "right, test set"], ["wrong", "wrong"]]) {
      legend.append(make("span", {}, make("i", { class: `gc-swatch gc-${hue}` }), text));
    }
    return { canvas, legend, paint };
  };

  // --- how numbers are written ---

  const thousands = (step) => step.toLocaleString("en-GB");
  const percent = (share) => `${share > 0 && share < 0.01 ? (100 * share).toFixed(1) : Math.floor(100 * share + 1e-9)}%`;
  const power = (exponent) => `10${String(exponent).replace(/./g, (sign) => "⁰¹²³⁴⁵⁶⁷⁸⁹"[sign] ?? "⁻")}`;
  const written = (value) => {
    if (value === 0) return "0";
    if (value >= 0.001) return value.toPrecision(2);
    const exponent = Math.floor(Math.log10(value));
    return `${(value / 10 ** exponent).toFixed(1)}·${power(exponent)}`;
  };

  const isStill = () => matchMedia("(prefers-reduced-motion: reduce)").matches;

  // --- putting them in their places ---

  const redraws = [];
  const start = async (box) => {
    const { picture, from, scripts } = box.dataset;
    try {
      await Promise.all([loadScript(`${scripts}${picture}.js`), from && loadScript(from)]);
    } catch {
      return; // The still stays.
    }
    const panel = make("div", { class: "gc-moving", role: "group", "aria-label": box.dataset.label });
    panel.style.minHeight = `${box.offsetHeight}px`;
    const given = received.has(picture) ? unpacked(received.get(picture)) : { facts: {} };
    box.classList.add("gc-started");
    box.append(panel);
    redraws.push(builders.get(picture)(panel, given, from));
    box.dispatchEvent(new Event("gc:started"));
  };

  const begin = () => {
    const near = new IntersectionObserver(
      (entries) => {
        for (const { isIntersecting, target } of entries) {
          if (!isIntersecting) continue;
          near.unobserve(target);
          start(target);
        }
      },
      { rootMargin: "800px 0px" },
    );
    for (const box of document.querySelectorAll(".gc-interactive")) near.observe(box);
    const repaint = new MutationObserver(() => {
      colours.clear();
      redraws.forEach((redraw) => redraw?.());
    });
    repaint.observe(document.documentElement, { attributes: true, attributeFilter: ["data-theme"] });
  };
  if (document.readyState === "loading") addEventListener("DOMContentLoaded", begin);
  else begin();

  return {
    picture: (name, build) => builders.set(name, build),
    receive: (content) => received.set(content.name, content),
    data,
    restore,
    make,
    slider,
    oncePerFrame,
    colour,
    rgb,
    shades,
    questionTable,
    thousands,
    percent,
    power,
    written,
    isStill,
  };
})();
