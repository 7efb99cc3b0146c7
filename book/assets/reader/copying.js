// A button that copies a block of code, in each block; none where a browser lets no page copy.
if (navigator.clipboard) {
  const icon = (paths) =>
    `<svg viewBox="0 0 24 24" stroke-width="1.5" fill="none" stroke-linecap="round" stroke-linejoin="round">${paths}</svg>`;
  const sheets = icon('<rect x="8" y="8" width="12" height="12" rx="2"/><path d="M16 8V6a2 2 0 0 0-2-2H6a2 2 0 0 0-2 2v8a2 2 0 0 0 2 2h2"/>');
  const tick = icon('<path d="M5 12l5 5L20 7"/>');
  const button = document.createElement("button");
  button.type = "button";
  button.className = "copybtn";
  button.ariaLabel = "Copy";
  button.innerHTML = sheets;
  for (const code of document.querySelectorAll("div.highlight pre")) code.after(button.cloneNode(true));
  document.addEventListener("click", async ({ target }) => {
    const pressed = target.closest?.(".copybtn");
    if (!pressed) return;
    const say = (name, shown) => {
      pressed.classList.toggle("success", shown === tick);
      pressed.ariaLabel = name;
      pressed.innerHTML = shown;
    };
    try {
      await navigator.clipboard.writeText(pressed.previousElementSibling.innerText.replace(/\n$/, ""));
      say("Copied", tick);
    } catch {
      say("Not copied: this browser does not allow it", sheets);
    }
    setTimeout(say, 2000, "Copy", sheets);
  });
}
