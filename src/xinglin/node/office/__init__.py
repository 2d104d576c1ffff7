"""What people of an institution do at its home, as commands call it: one file a noun, plain values in and out."""
