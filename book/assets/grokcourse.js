// A browser does not let a page opened from disk fetch another one, which the search does for each result's summary:
// without summaries it works from there too.
if (location.protocol === "file:") {
  DOCUMENTATION_OPTIONS.SHOW_SEARCH_SUMMARY = false;
}

// A formula wider than its column scrolls sideways: let the keyboard reach it.
function makeWideFormulasFocusable() {
  for (const formula of document.querySelectorAll('mjx-container[display="true"]')) {
    if (formula.scrollWidth > formula.clientWidth) {
      formula.tabIndex = 0;
    } else {
      formula.removeAttribute("tabindex");
    }
  }
}
addEventListener("load", () => window.MathJax?.startup.promise.then(makeWideFormulasFocusable));
addEventListener("resize", makeWideFormulasFocusable);

// Paper is white: what is printed has the light colours, whatever the screen has.
let themeOnScreen;
addEventListener("beforeprint", () => {
  themeOnScreen ??= document.documentElement.dataset.theme;
  document.documentElement.dataset.theme = "light";
});
addEventListener("afterprint", () => {
  document.documentElement.dataset.theme = themeOnScreen ?? document.documentElement.dataset.theme;
  themeOnScreen = undefined;
});
