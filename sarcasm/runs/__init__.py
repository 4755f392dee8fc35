"""What was recorded: which runs there are, what one was, where several differ, and a table of them for a paper.

No number of made-up clips stands without saying so, and none of a split that leaks.
"""
