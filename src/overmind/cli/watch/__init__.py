"""Commands that go on showing the desk: they follow its journal, and leave the terminal as it was."""
