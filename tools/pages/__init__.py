"""The generated pages: each module makes the text of one page from the sources, and writes nothing."""
