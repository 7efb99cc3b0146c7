// Exercises: open or closed as the reader's mode says, opened by whatever leads into them, and ticked off.
{
  const exercises = [...document.querySelectorAll("details.gc-exercise")];
  const choices = [...document.querySelectorAll(".gc-mode input")];

  const show = () => {
    const { mode } = reader.remembered();
    document.documentElement.dataset.gcMode = mode;
    for (const choice of choices) choice.checked = choice.value === mode;
    for (const exercise of document.querySelectorAll(".gc-exercise")) {
      const isDone = reader.isDone(exercise.dataset.exercise);
      exercise.classList.toggle("gc-is-done", isDone);
      const box = exercise.querySelector(".gc-done input");
      if (box) box.checked = isDone;
    }
  };

  for (const choice of choices) {
    choice.addEventListener("change", () => {
      reader.remember((kept) => (kept.mode = choice.value));
      for (const exercise of exercises) exercise.open = choice.value === "doing";
    });
  }

  for (const exercise of exercises) {
    const box = exercise.querySelector(".gc-done input");
    box.addEventListener("change", () => reader.setDone(exercise.dataset.exercise, box.checked));
  }

  // The exercise that a link of this page, or of another one, leads to.
  const openTarget = () => {
    const target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
    const exercise = target?.closest("details.gc-exercise");
    if (!exercise || exercise.open) return;
    exercise.open = true;
    target.scrollIntoView();
  };
  addEventListener("hashchange", openTarget);
  document.addEventListener("click", (event) => {
    // A second click on the same link changes no address.
    if (event.target.closest?.("a[href^='#']")?.hash === location.hash) openTarget();
  });

  // What was sought on the search page, which leaves its words here for the page that one goes to.
  const openFound = () => {
    if (reader.page === "search") return;
    const words = (localStorage.getItem("sphinx_highlight_terms") ?? "").toLowerCase().match(/\S+/g) ?? [];
    localStorage.removeItem("sphinx_highlight_terms");
    for (const exercise of words.length ? exercises : []) {
      const text = exercise.textContent.toLowerCase();
      if (words.every((word) => text.includes(word))) exercise.open = true;
    }
  };

  // Paper opens nothing.
  let opened = [];
  addEventListener("beforeprint", () => {
    opened = [...document.querySelectorAll("details:is(.gc-exercise, .sd-dropdown):not([open])")];
    for (const box of opened) box.open = true;
  });
  addEventListener("afterprint", () => {
    for (const box of opened) box.open = false;
  });

  document.addEventListener("gc:remembered", show);
  show();
  openFound();
  openTarget();
}
