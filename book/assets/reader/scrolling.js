// What is wider than its column scrolls sideways, and the style sheet shows that it does: here the keyboard can reach it,
// and it has a name.
{
  const kinds = [
    [".pst-scrollable-table-container", "Table"],
    ["div.math", "Formula"],
    ["div.highlight pre, .output pre", "Code"],
  ];
  const mark = () => {
    for (const [selector, kind] of kinds) {
      for (const box of document.querySelectorAll(`article ${selector.replaceAll(", ", ", article ")}`)) {
        if (box.scrollWidth > box.clientWidth + 1) {
          box.tabIndex = 0;
          box.setAttribute("role", "group");
          box.ariaLabel = `${kind}, scrolls sideways`;
        } else if (box.ariaLabel?.endsWith("scrolls sideways")) {
          for (const name of ["tabindex", "role", "aria-label"]) box.removeAttribute(name);
        }
      }
    }
  };
  addEventListener("load", () => document.fonts.ready.then(mark));
  addEventListener("resize", mark);
  document.addEventListener("toggle", mark, true); // closed boxes have no width
}
