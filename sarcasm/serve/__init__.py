"""`sarcasm serve`: a page on this machine to give a model clips, and see and hear what it says.

It needs Starlette and uvicorn, which come with MLflow or with the extra `serve`. Only `sarcasm.serve.command` can be
imported without them.
"""
