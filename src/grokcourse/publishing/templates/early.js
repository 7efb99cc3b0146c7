// Before anything is drawn, so that nothing moves or changes colour afterwards: scripts run here, the page is light or
// dark, and exercises are open if the reader does them. A browser that keeps nothing gets a memory that lasts as long as
// the page, which the theme needs as well.
(() => {
  const root = document.documentElement;
  root.classList.add("gc-js");
  try {
    localStorage.getItem("grokcourse");
  } catch {
    const kept = new Map();
    const value = {
      getItem: (name) => kept.get(name) ?? null,
      setItem: (name, text) => void kept.set(name, String(text)),
      removeItem: (name) => void kept.delete(name),
    };
    Object.defineProperty(window, "localStorage", { value });
  }
  root.dataset.mode = localStorage.getItem("mode") ?? "auto";
  const own = matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light";
  root.dataset.theme = root.dataset.mode === "auto" ? own : root.dataset.mode;
  let mode;
  try {
    mode = JSON.parse(localStorage.getItem("grokcourse"))?.mode;
  } catch {}
  root.dataset.gcMode = mode ?? "reading";
  if (mode !== "doing") return;
  const observer = new MutationObserver((changes) => {
    for (const { addedNodes } of changes) {
      for (const node of addedNodes) if (node.matches?.("details.gc-exercise")) node.open = true;
    }
  });
  observer.observe(root, { childList: true, subtree: true });
  addEventListener("DOMContentLoaded", () => observer.disconnect());
})();
