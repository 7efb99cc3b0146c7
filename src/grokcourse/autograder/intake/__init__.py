"""From a folder, a zip file or a platform's export to one ``Work`` a student; nothing in it is run."""
