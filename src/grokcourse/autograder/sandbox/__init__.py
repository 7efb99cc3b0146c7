"""A student's code in a process of its own, and how the trusted side talks to it."""
