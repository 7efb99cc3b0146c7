// The search page's own: the index is loaded if there is something to look for.
{
  // A browser does not let a page opened from disk fetch another one, which the search does for each result's summary:
  // without summaries it works from there too.
  if (location.protocol === "file:") DOCUMENTATION_OPTIONS.SHOW_SEARCH_SUMMARY = false;
  if (new URLSearchParams(location.search).get("q")) Search.loadIndex(document.currentScript.dataset.index);
}
