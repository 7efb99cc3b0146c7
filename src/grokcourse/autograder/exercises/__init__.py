"""The exercises of the course, their hidden checks, and all that it takes to try one answer."""
