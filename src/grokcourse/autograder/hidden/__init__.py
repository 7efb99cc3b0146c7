"""The hidden tests and planted mistakes, a module a chapter. Nothing here is ever shown to students."""
