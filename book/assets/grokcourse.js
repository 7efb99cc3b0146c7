// A browser does not let a page opened from disk fetch another one, which the search does for each result's summary:
// without summaries it works from there too.
if (location.protocol === "file:") {
  DOCUMENTATION_OPTIONS.SHOW_SEARCH_SUMMARY = false;
}
