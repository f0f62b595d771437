"""The disk: where the program's own files and the user's lie, and archives from anybody, unpacked safely."""
