"""The worksheet of a lesson: one page to print, and the answers."""
