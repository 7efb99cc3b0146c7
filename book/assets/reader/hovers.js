// Hovers, by mouse, by tap and by key. What they need is loaded when the reader first does something. The first tap on a
// link that has one shows it, with the way to where the link leads; the second tap goes there. Escape closes whatever is
// shown.
{
  const { hovers, hoversScript } = document.currentScript.dataset;
  let ready;
  let isReady = false;
  const prepare = () => {
    ready ??= loadScript(hoversScript)
      .then(() => loadScript(hovers))
      .then(() => {
        window.onload(); // sphinx-tippy's file waits for it, and the page has been loaded already
        window.onload = null;
        isReady = true;
        for (const link of document.querySelectorAll("article a:is(:hover, :focus-visible)")) link._tippy?.show();
      });
    return ready;
  };
  const signs = ["pointermove", "pointerdown", "touchstart", "keydown", "focusin", "scroll"];
  const begin = () => {
    for (const sign of signs) removeEventListener(sign, begin, true);
    prepare().catch(() => {}); // links without hovers
  };
  if (hovers) for (const sign of signs) addEventListener(sign, begin, { capture: true, passive: true });

  const show = (link) => {
    const hover = link._tippy;
    if (!hover.props.interactive) {
      const way = document.createElement("a");
      way.className = "gc-way";
      way.href = link.href;
      way.textContent = link.hash.startsWith("#term-") ? "Go to the definition" : "Go there";
      const content = document.createElement("div");
      content.innerHTML = hover.props.content;
      content.append(way);
      hover.setProps({ allowHTML: true, appendTo: document.body, content, interactive: true });
    }
    hover.show();
  };

  let pointer = "";
  let wasShown = false;
  document.addEventListener(
    "pointerdown",
    (event) => {
      pointer = event.pointerType;
      wasShown = event.target.closest?.("a")?._tippy?.state.isVisible ?? false;
    },
    true,
  );
  document.addEventListener(
    "click",
    (event) => {
      const link = event.target.closest?.("a");
      if (!hovers || !link || wasShown || pointer === "mouse" || event.detail === 0) return; // 0: by the Enter key
      if (isReady ? !link._tippy : !link.closest("article")) return;
      event.preventDefault();
      event.stopPropagation();
      prepare().then(
        () => (link._tippy ? show(link) : location.assign(link.href)),
        () => location.assign(link.href),
      );
    },
    true,
  );
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape") window.tippy?.hideAll();
  });
}
