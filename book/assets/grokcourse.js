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
