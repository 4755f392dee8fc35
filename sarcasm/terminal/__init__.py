"""The one way to stdout and stderr: whatever is printed is text, and does nothing to the terminal.

Names of clips, runs and speakers, cautions of a package, errors of a server: all of it comes from anywhere. It may hold
escape sequences that move the cursor or set a link, characters that turn the direction of writing, markup, bytes that
are no UTF-8. Nothing else in the package prints or makes a console of its own:

    say("a line")                   on stdout, at once; print_error("...") on stderr
    say_json(content)               JSON, and nothing but JSON
    screen.stdout().show(table)     with colour, tables and progress, by rich; `sarcasm.terminal.screen`
"""

from sarcasm.terminal.text import one_line, print_error, say, say_json, set_up, visible, write

__all__ = ["one_line", "print_error", "say", "say_json", "set_up", "visible", "write"]
