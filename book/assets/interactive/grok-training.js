// The training of the picture "grok": the course's one-layer transformer, its loss and AdamW, by hand, without a page.
// Both functions need nothing from outside them: their text becomes a worker, which a page read from a disk cannot load
// as a file.
//
// It follows src/grokcourse: model.py (fast_logits), training.py (exact_cross_entropy, train_step, adamw_update,
// evaluate), fourier.py. All is done in float64: the losses are those of the package with a model in float64, to the
// rounding of the last digits.
//
// Measured on one core of the machine that the course was written on, in V8 (Node 20), for 31 numbers, a training set
// of 576 questions, and widths 32 and 64: 18 million multiplications and additions a step.
//
//   plain loops                       66 steps a second
//   two by four at a time (below)    209
//   four by four, or two by eight    209, 203
//   the same in float32              208
//
// So it groks, some 650 steps from the start, in about four seconds; WebAssembly, or a library, is not needed.

// Returns what makes a trainer.
moving.grokTraining = () => {
  // --- matrices: rows × columns of numbers, in steps of `down` and `right` from `at` on ---

  const matrix = (rows, columns, data = new Float64Array(rows * columns), at = 0) => ({
    data,
    at,
    rows,
    columns,
    down: columns,
    right: 1,
  });
  const turned = ({ data, at, rows, columns, down, right }) => ({
    data,
    at,
    rows: columns,
    columns: rows,
    down: right,
    right: down,
  });
  const top = (whole, rows) => ({ ...whole, rows });
  const rowOf = (whole, i) => ({ ...whole, at: whole.at + i * whole.down, rows: 1 });
  // Columns first … first + columns − 1.
  const strip = (whole, first, columns) => ({ ...whole, at: whole.at + first * whole.right, columns });

  // result = one · other, or result += one · other. Two rows and four columns at a time: eight sums stay in registers
  // while they run over the inner dimension, so that a product reads six numbers, not sixteen, for eight multiplications.
  const multiply = (result, one, other, add = false) => {
    const { data: C, at: c, down: cDown, right: cRight } = result;
    const { data: A, at: a, down: aDown, right: aRight } = one;
    const { data: B, at: b, down: bDown, right: bRight } = other;
    const inner = one.columns;
    const rows = result.rows - (result.rows % 2);
    const columns = result.columns - (result.columns % 4);
    for (let i = 0; i < rows; i += 2) {
      for (let j = 0; j < columns; j += 4) {
        let [p0, p1, p2, p3, q0, q1, q2, q3] = [0, 0, 0, 0, 0, 0, 0, 0];
        let left = a + i * aDown;
        let above = b + j * bRight;
        for (let k = 0; k < inner; k++) {
          const p = A[left];
          const q = A[left + aDown];
          const b0 = B[above];
          const b1 = B[above + bRight];
          const b2 = B[above + 2 * bRight];
          const b3 = B[above + 3 * bRight];
          p0 += p * b0;
          p1 += p * b1;
          p2 += p * b2;
          p3 += p * b3;
          q0 += q * b0;
          q1 += q * b1;
          q2 += q * b2;
          q3 += q * b3;
          left += aRight;
          above += bDown;
        }
        const first = c + i * cDown + j * cRight;
        const second = first + cDown;
        if (add) {
          C[first] += p0;
          C[first + cRight] += p1;
          C[first + 2 * cRight] += p2;
          C[first + 3 * cRight] += p3;
          C[second] += q0;
          C[second + cRight] += q1;
          C[second + 2 * cRight] += q2;
          C[second + 3 * cRight] += q3;
        } else {
          C[first] = p0;
          C[first + cRight] = p1;
          C[first + 2 * cRight] = p2;
          C[first + 3 * cRight] = p3;
          C[second] = q0;
          C[second + cRight] = q1;
          C[second + 2 * cRight] = q2;
          C[second + 3 * cRight] = q3;
        }
      }
    }
    // What is left over at the right and at the bottom.
    for (let i = 0; i < result.rows; i++) {
      for (let j = i < rows ? columns : 0; j < result.columns; j++) {
        let sum = 0;
        for (let k = 0; k < inner; k++) sum += A[a + i * aDown + k * aRight] * B[b + k * bDown + j * bRight];
        const at = c + i * cDown + j * cRight;
        C[at] = add ? C[at] + sum : sum;
      }
    }
  };

  // --- the trainer ---

  // shapes: p, d_model, n_heads, d_mlp; parameters: [name, shape] of each weight, in the order of `weights`, which has
  // them all in a row. order: the p² questions a · p + b, shuffled; the first share of `fraction` is trained on.
  const trainer = ({ p, d_model, n_heads, d_mlp, betas, warmup_steps, parameters }, weights, order, fraction) => {
    const vocab = p + 1;
    const d_head = d_model / n_heads;
    const width = n_heads * d_head; // of all heads together
    const w = Float64Array.from(weights);
    const gradient = new Float64Array(w.length);
    const mean = new Float64Array(w.length);
    const square = new Float64Array(w.length);
    const placesOf = (numbers) => {
      const places = {};
      let at = 0;
      for (const [name, shape] of parameters) {
        const columns = shape.at(-1);
        const size = shape.reduce((product, length) => product * length, 1);
        places[name.split(".").at(-1)] = matrix(size / columns, columns, numbers, at);
        at += size;
      }
      return places;
    };
    const { W_E, W_pos, W_Q, W_K, W_V, W_O, W_in, b_in, W_out, b_out, W_U } = placesOf(w);
    const d = placesOf(gradient);
    const ofHead = (whole, h) => top({ ...whole, at: whole.at + h * d_model * d_head }, d_model); // of W_Q, W_K, W_V

    const training = Int32Array.from(order.slice(0, Math.floor(fraction * p * p))).sort();
    const all = Int32Array.from({ length: p * p }, (_, i) => i);
    const isTraining = new Uint8Array(p * p);
    for (const question of training) isTraining[question] = 1;

    // Everything that a pass computes. Of embeddings there are 2p + 1: each number at the first position, each at the
    // second, and "=". Their scores and values are small tables.
    const places = 2 * p + 1;
    const equals = 2 * p;
    const x = matrix(places, d_model);
    const query = matrix(n_heads, d_head);
    const direction = matrix(d_model, n_heads);
    const score = matrix(places, n_heads);
    const value = matrix(places, width);
    const pattern = new Float64Array(p * p * n_heads * 3);
    const [intoNeurons, intoLogits, throughNeurons] = [matrix(width, d_mlp), matrix(width, vocab), matrix(d_mlp, vocab)];
    const [z, post, logits] = [matrix(p * p, width), matrix(p * p, d_mlp), matrix(p * p, vocab)];
    const [neuronBase, logitBase, out] = [matrix(1, d_mlp), matrix(1, vocab), matrix(1, d_model)];
    const like = ({ rows, columns }) => matrix(rows, columns);
    const [dx, dDirection, dScore, dValue] = [x, direction, score, value].map(like);
    const [dIntoNeurons, dIntoLogits, dThroughNeurons] = [intoNeurons, intoLogits, throughNeurons].map(like);
    const [dz, dPre, dLogits] = [z, post, logits].map(like);
    const [dNeuronBase, dLogitBase, dQuery] = [matrix(1, d_mlp), matrix(1, vocab), matrix(1, d_head)];

    const addRows = (whole, row) => {
      for (let i = 0; i < whole.rows; i++) for (let j = 0; j < whole.columns; j++) whole.data[i * whole.columns + j] += row.data[row.at + j];
    };
    const sumRows = (result, whole) => {
      result.data.fill(0, result.at, result.at + result.columns);
      for (let i = 0; i < whole.rows; i++) for (let j = 0; j < whole.columns; j++) result.data[result.at + j] += whole.data[whole.at + i * whole.columns + j];
    };

    // The logits of questions, a row each.
    const forward = (questions) => {
      const n = questions.length;
      for (let i = 0; i < places; i++) {
        const [token, position] = i === equals ? [p, 2] : [i % p, i < p ? 0 : 1];
        for (let j = 0; j < d_model; j++) x.data[i * d_model + j] = W_E.data[W_E.at + token * d_model + j] + W_pos.data[W_pos.at + position * d_model + j];
      }
      const xEquals = rowOf(x, equals);
      for (let h = 0; h < n_heads; h++) {
        multiply(rowOf(query, h), xEquals, ofHead(W_Q, h));
        for (let e = 0; e < d_head; e++) query.data[h * d_head + e] /= Math.sqrt(d_head);
        multiply(strip(direction, h, 1), ofHead(W_K, h), turned(rowOf(query, h)));
        multiply(strip(value, h * d_head, d_head), x, ofHead(W_V, h));
      }
      multiply(score, x, direction);
      attend(questions);
      multiply(intoNeurons, W_O, W_in);
      multiply(intoLogits, W_O, W_U);
      multiply(throughNeurons, W_out, W_U);
      multiply(neuronBase, xEquals, W_in);
      for (let j = 0; j < d_mlp; j++) neuronBase.data[j] += b_in.data[b_in.at + j];
      for (let j = 0; j < d_model; j++) out.data[j] = x.data[xEquals.at + j] + b_out.data[b_out.at + j];
      multiply(logitBase, out, W_U);

      const [ofZ, ofPost, ofLogits] = [top(z, n), top(post, n), top(logits, n)];
      multiply(ofPost, ofZ, intoNeurons);
      addRows(ofPost, neuronBase);
      for (let i = 0; i < n * d_mlp; i++) if (post.data[i] < 0) post.data[i] = 0;
      multiply(ofLogits, ofZ, intoLogits);
      multiply(ofLogits, ofPost, throughNeurons, true);
      addRows(ofLogits, logitBase);
    };

    // Each head's pattern over a, b and "=", and what it reads there.
    const attend = (questions) => {
      for (let i = 0; i < questions.length; i++) {
        const a = Math.floor(questions[i] / p);
        const b = p + (questions[i] % p);
        for (let h = 0; h < n_heads; h++) {
          const [sa, sb, se] = [score.data[a * n_heads + h], score.data[b * n_heads + h], score.data[equals * n_heads + h]];
          const most = Math.max(sa, sb, se);
          const [ea, eb, ee] = [Math.exp(sa - most), Math.exp(sb - most), Math.exp(se - most)];
          const sum = ea + eb + ee;
          const at = 3 * (i * n_heads + h);
          pattern[at] = ea / sum;
          pattern[at + 1] = eb / sum;
          pattern[at + 2] = ee / sum;
          for (let j = h * d_head; j < (h + 1) * d_head; j++) {
            z.data[i * width + j] =
              pattern[at] * value.data[a * width + j] +
              pattern[at + 1] * value.data[b * width + j] +
              pattern[at + 2] * value.data[equals * width + j];
          }
        }
      }
    };

    // The loss of row i, log(1 + Σ exp(other − right)), exact however small; with `share`, also its gradient by the
    // logits, times share, into dLogits.
    const lossOf = (i, answer, share = 0) => {
      const at = i * vocab;
      let most = -Infinity;
      for (let j = 0; j < vocab; j++) if (j !== answer && logits.data[at + j] > most) most = logits.data[at + j];
      let sum = 0;
      for (let j = 0; j < vocab; j++) {
        const term = j === answer ? 0 : Math.exp(logits.data[at + j] - most);
        dLogits.data[at + j] = term;
        sum += term;
      }
      const behind = most + Math.log(sum) - logits.data[at + answer];
      if (share) {
        const wrong = share / (1 + Math.exp(-behind)); // the probability of all other answers
        for (let j = 0; j < vocab; j++) dLogits.data[at + j] *= wrong / sum;
        dLogits.data[at + answer] = -wrong;
      }
      return behind > 40 ? behind : Math.log1p(Math.exp(behind));
    };
    const answerOf = (question) => (Math.floor(question / p) + (question % p)) % p;

    // The gradient of the mean loss by every weight, from what forward and lossOf left.
    const backward = (questions) => {
      const n = questions.length;
      const [ofZ, ofPost, ofLogits, ofDz, ofDPre] = [z, post, dLogits, dz, dPre].map((whole) => top(whole, n));
      multiply(ofDPre, ofLogits, turned(throughNeurons));
      for (let i = 0; i < n * d_mlp; i++) if (post.data[i] === 0) dPre.data[i] = 0;
      multiply(dThroughNeurons, turned(ofPost), ofLogits);
      multiply(dIntoLogits, turned(ofZ), ofLogits);
      multiply(dIntoNeurons, turned(ofZ), ofDPre);
      multiply(ofDz, ofLogits, turned(intoLogits));
      multiply(ofDz, ofDPre, turned(intoNeurons), true);
      sumRows(dNeuronBase, ofDPre);
      sumRows(dLogitBase, ofLogits);

      const xEquals = rowOf(x, equals);
      multiply(d.W_out, dThroughNeurons, turned(W_U));
      multiply(d.W_U, turned(W_out), dThroughNeurons);
      multiply(d.W_U, turned(W_O), dIntoLogits, true);
      multiply(d.W_U, turned(out), dLogitBase, true);
      multiply(d.W_in, turned(W_O), dIntoNeurons);
      multiply(d.W_in, turned(xEquals), dNeuronBase, true);
      multiply(d.W_O, dIntoNeurons, turned(W_in));
      multiply(d.W_O, dIntoLogits, turned(W_U), true);
      multiply(d.b_out, dLogitBase, turned(W_U));
      gradient.set(dNeuronBase.data, d.b_in.at);

      attendBack(questions);
      multiply(dx, dScore, turned(direction));
      multiply(dDirection, turned(x), dScore);
      const dxEquals = rowOf(dx, equals);
      multiply(dxEquals, dNeuronBase, turned(W_in), true);
      multiply(dxEquals, dLogitBase, turned(W_U), true);
      for (let h = 0; h < n_heads; h++) {
        const dOfHead = strip(dValue, h * d_head, d_head);
        multiply(dx, dOfHead, turned(ofHead(W_V, h)), true);
        multiply(ofHead(d.W_V, h), turned(x), dOfHead);
        const dTowards = strip(dDirection, h, 1);
        multiply(ofHead(d.W_K, h), dTowards, rowOf(query, h));
        multiply(dQuery, turned(dTowards), ofHead(W_K, h));
        for (let e = 0; e < d_head; e++) dQuery.data[e] /= Math.sqrt(d_head);
        multiply(ofHead(d.W_Q, h), turned(xEquals), dQuery);
        multiply(dxEquals, dQuery, turned(ofHead(W_Q, h)), true);
      }
      for (let token = 0; token < p; token++) {
        for (let j = 0; j < d_model; j++) gradient[d.W_E.at + token * d_model + j] = dx.data[token * d_model + j] + dx.data[(p + token) * d_model + j];
      }
      sumRows(rowOf(d.W_pos, 0), top(dx, p));
      sumRows(rowOf(d.W_pos, 1), top(rowOf(dx, p), p));
      for (const [place, i] of [[d.W_E, p], [d.W_pos, 2]]) gradient.set(dx.data.subarray(dxEquals.at, dxEquals.at + d_model), place.at + i * d_model);
    };

    const attendBack = (questions) => {
      dScore.data.fill(0);
      dValue.data.fill(0);
      for (let i = 0; i < questions.length; i++) {
        const a = Math.floor(questions[i] / p);
        const b = p + (questions[i] % p);
        for (let h = 0; h < n_heads; h++) {
          const at = 3 * (i * n_heads + h);
          const [pa, pb, pe] = [pattern[at], pattern[at + 1], pattern[at + 2]];
          let [ga, gb, ge] = [0, 0, 0];
          for (let j = h * d_head; j < (h + 1) * d_head; j++) {
            const g = dz.data[i * width + j];
            ga += g * value.data[a * width + j];
            gb += g * value.data[b * width + j];
            ge += g * value.data[equals * width + j];
            dValue.data[a * width + j] += pa * g;
            dValue.data[b * width + j] += pb * g;
            dValue.data[equals * width + j] += pe * g;
          }
          const typical = pa * ga + pb * gb + pe * ge;
          dScore.data[a * n_heads + h] += pa * (ga - typical);
          dScore.data[b * n_heads + h] += pb * (gb - typical);
          dScore.data[equals * n_heads + h] += pe * (ge - typical);
        }
      }
    };

    let steps = 0;
    // One step of AdamW on the whole training set. Returns the mean loss before it.
    const step = (lr, weight_decay) => {
      forward(training);
      let loss = 0;
      training.forEach((question, i) => (loss += lossOf(i, answerOf(question), 1 / training.length)));
      backward(training);
      const rate = lr * Math.min(1, (steps + 1) / Math.max(1, warmup_steps));
      steps += 1;
      const [meanSize, squareSize] = betas.map((beta) => 1 - beta ** steps);
      for (let i = 0; i < w.length; i++) {
        mean[i] = betas[0] * mean[i] + (1 - betas[0]) * gradient[i];
        square[i] = betas[1] * square[i] + (1 - betas[1]) * gradient[i] * gradient[i];
        w[i] -= (rate * (mean[i] / meanSize)) / (Math.sqrt(square[i] / squareSize) + 1e-8) + rate * weight_decay * w[i];
      }
      return loss / training.length;
    };

    // The embedding's waves: the energy of each frequency 1 … (p − 1) / 2, and each number's place on the circle of the
    // strongest, [x, y] in turn.
    const embedding = () => {
      const energies = [];
      let best = { energy: -1 };
      for (let k = 1; k <= (p - 1) / 2; k++) {
        const directions = [Math.cos, Math.sin].map((wave) => {
          const along = new Float64Array(d_model);
          for (let n = 0; n < p; n++) {
            const height = Math.sqrt(2 / p) * wave((2 * Math.PI * k * n) / p);
            for (let j = 0; j < d_model; j++) along[j] += height * W_E.data[W_E.at + n * d_model + j];
          }
          return along;
        });
        const lengths = directions.map((along) => Math.hypot(...along));
        const energy = lengths[0] ** 2 + lengths[1] ** 2;
        energies.push(energy);
        if (energy > best.energy) best = { energy, k, directions, lengths };
      }
      const circle = [];
      for (let n = 0; n < p; n++) {
        best.directions.forEach((along, which) => {
          const number = along.reduce((sum, part, j) => sum + part * W_E.data[W_E.at + n * d_model + j], 0);
          circle.push(number / best.lengths[which]);
        });
      }
      return { energies, strongest: best.k, circle };
    };

    // What the picture shows: losses and accuracies of both sets; for each question 0 if the model is wrong, and 1, 2
    // or 3 by how sure it is of the right answer; the embedding's waves.
    const evaluate = () => {
      forward(all);
      const sums = { train: [0, 0], test: [0, 0] };
      const levels = new Uint8Array(p * p);
      for (const question of all) {
        const answer = answerOf(question);
        const loss = lossOf(question, answer);
        const row = logits.data.subarray(question * vocab, (question + 1) * vocab);
        const isRight = row.indexOf(row.reduce((most, logit) => Math.max(most, logit))) === answer;
        const chance = Math.exp(-loss);
        levels[question] = isRight ? 1 + (chance >= 0.5) + (chance >= 0.9) : 0;
        const sum = sums[isTraining[question] ? "train" : "test"];
        sum[0] += loss;
        sum[1] += isRight;
      }
      const n = { train: training.length, test: p * p - training.length };
      const means = (which) => ["train", "test"].map((part) => [`${part}_${which ? "accuracy" : "loss"}`, sums[part][which] / n[part]]);
      return { step: steps, ...Object.fromEntries([...means(0), ...means(1)]), levels, ...embedding() };
    };

    return { step, evaluate, isTraining };
  };

  return { trainer };
};

// The worker's own part. It is told {begin: {run, shapes, weights, order, fraction}, lr, every} to take what is begun
// with, {weight_decay} at any time, and {isRunning}. It tells what evaluate returns, with the number of the run: when
// one begins, and every so many steps.
moving.grokWorker = ({ trainer }) => {
  let [run, training, isWaiting] = [0, null, false];
  const settings = { isRunning: false };
  const tell = () => postMessage({ run, ...training.evaluate() });
  // Between two goes the worker reads what it is told.
  const soon = () => {
    if (isWaiting || !settings.isRunning) return;
    isWaiting = true;
    setTimeout(go, 0);
  };
  const go = () => {
    isWaiting = false;
    if (!settings.isRunning) return;
    for (let i = 0; i < settings.every; i++) training.step(settings.lr, settings.weight_decay);
    tell();
    soon();
  };
  onmessage = ({ data: { begin, ...others } }) => {
    Object.assign(settings, others);
    if (begin) {
      run = begin.run;
      training = trainer(begin.shapes, begin.weights, begin.order, begin.fraction);
      tell();
    }
    soon();
  };
};
