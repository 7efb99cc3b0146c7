// Predictions: the first choice that is opened counts. It is kept, and what is so opens with it.
for (const question of document.querySelectorAll(".gc-prediction")) {
  const name = question.dataset.exercise;
  const choices = [...question.querySelectorAll(".gc-choice")];
  const right = question.querySelector(".gc-right");
  const why = question.querySelector(".gc-solution");
  const outcome = document.createElement("p");
  outcome.className = "gc-outcome";
  outcome.setAttribute("role", "status");
  question.querySelector(".gc-choices").after(outcome);

  const show = () => {
    const chosen = choices.find((choice) => choice.dataset.letter === reader.remembered().chosen[name]);
    const wasShown = "chosen" in question.dataset;
    if (!chosen) {
      delete question.dataset.chosen;
      outcome.textContent = "";
      if (wasShown) for (const part of [...choices, why]) part.open = false;
      return;
    }
    question.dataset.chosen = chosen.dataset.letter;
    outcome.textContent =
      chosen === right
        ? `You chose (${chosen.dataset.letter}), and so it is.`
        : `You chose (${chosen.dataset.letter}); it is (${right.dataset.letter}).`;
    if (!wasShown) for (const part of [chosen, right, why]) part.open = true;
  };

  for (const choice of choices) {
    choice.querySelector("summary").addEventListener("click", (event) => {
      if ("chosen" in question.dataset) return; // what the other choices would mean can be read at leisure
      event.preventDefault(); // it is opened below
      reader.remember((kept) => (kept.chosen[name] = choice.dataset.letter));
      reader.setDone(name, true);
    });
  }

  document.addEventListener("gc:remembered", show);
  show();
}
