"""The sandbox's other side: what runs in the process with a student's code. Nothing here knows exercises or tests."""
