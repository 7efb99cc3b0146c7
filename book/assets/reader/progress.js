// How far a reader has come: chapters read to the end, exercises done. It is shown beside a chapter's link in the
// sidebar, and in each element with the attribute data-progress="01-task"; a button with the attribute
// data-forget-progress forgets all of it, and is there only if there is something to forget.
{
  const isChapter = /^\d\d-/.test(reader.page);
  const end = document.querySelector(".prev-next-footer");
  if (isChapter && end) {
    new IntersectionObserver((entries, observer) => {
      if (!entries.some((entry) => entry.isIntersecting)) return;
      observer.disconnect();
      reader.remember((kept) => (kept.read = [...new Set([...kept.read, reader.page])]));
    }).observe(end);
  }
  const count = document.querySelectorAll(".gc-exercise").length;
  if (count && reader.remembered().of[reader.page] !== count) {
    reader.remember((kept) => (kept.of[reader.page] = count));
  }

  const told = (kept, page) => {
    const done = kept.done[page]?.length ?? 0;
    const parts = [];
    if (kept.read.includes(page)) parts.push("✓ read");
    if (done) parts.push(`${done} of ${kept.of[page] ?? done} done`);
    return parts.join(", ");
  };

  const marks = new Map();
  for (const link of document.querySelectorAll(".bd-sidebar-primary .bd-links a")) {
    const page = link.getAttribute("href") === "#" ? reader.page : link.pathname.split("/").pop().replace(/\.html$/, "");
    if (!/^\d\d-/.test(page)) continue;
    const mark = document.createElement("span");
    mark.className = "gc-progress";
    link.append(" ", mark);
    marks.set(mark, page);
  }
  for (const element of document.querySelectorAll("[data-progress]")) marks.set(element, element.dataset.progress);

  const show = () => {
    const kept = reader.remembered();
    for (const [element, page] of marks) element.textContent = told(kept, page);
    const isEmpty = ![kept.read, Object.values(kept.done).flat()].some((list) => list.length);
    for (const button of document.querySelectorAll("[data-forget-progress]")) button.hidden = isEmpty;
  };
  for (const button of document.querySelectorAll("[data-forget-progress]")) {
    button.addEventListener("click", reader.forget);
  }
  document.addEventListener("gc:remembered", show);
  show();
}
