"""What turns the chapters into pages. Needs the packages of requirements.txt; the course itself does not."""
