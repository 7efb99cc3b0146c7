// What a reader's browser remembers of the course: one JSON value under one name of localStorage. Who shows something of
// it listens for the document's event "gc:remembered".
//
//   mode: "reading" or "doing"; read: the chapters read to the end; done: the exercises done, of each chapter;
//   of: how many exercises each chapter has; chosen: the letter chosen for each question
//
// Where a browser keeps nothing, early.js has put something in its place that lasts as long as the page.
const reader = {
  // The page's name, such as 01-task.
  page: decodeURIComponent(location.pathname.split("/").pop()).replace(/\.html$/, ""),

  remembered() {
    let kept = {};
    try {
      kept = JSON.parse(localStorage.getItem("grokcourse")) ?? {};
    } catch {
      // Not ours, or cut off: as good as nothing.
    }
    return { mode: "reading", read: [], done: {}, of: {}, chosen: {}, ...kept };
  },

  // Change what is remembered: `change` gets all of it, and alters it in place.
  remember(change) {
    const kept = reader.remembered();
    change(kept);
    try {
      localStorage.setItem("grokcourse", JSON.stringify(kept));
    } catch {
      // No room: this page goes on, and the next one does not know.
    }
    document.dispatchEvent(new Event("gc:remembered"));
  },

  forget() {
    localStorage.removeItem("grokcourse");
    document.dispatchEvent(new Event("gc:remembered"));
  },

  isDone(name) {
    return (reader.remembered().done[reader.page] ?? []).includes(name);
  },

  setDone(name, isDone) {
    reader.remember((kept) => {
      const others = (kept.done[reader.page] ?? []).filter((other) => other !== name);
      kept.done[reader.page] = isDone ? [...others, name] : others;
    });
  },
};

// Another tab has changed it.
addEventListener("storage", (event) => {
  if (event.key === "grokcourse" || event.key === null) document.dispatchEvent(new Event("gc:remembered"));
});
