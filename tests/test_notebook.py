"""docs/tutorial.ipynb: run from nothing in a copy of the project, and what is kept in it."""

import json
import os
import shutil
import subprocess
import sys

from sarcasm.project import PROJECT

NOTEBOOK = PROJECT / "docs" / "tutorial.ipynb"
CELLS = json.loads(NOTEBOOK.read_text(encoding="utf-8"))["cells"]
CODE = [cell for cell in CELLS if cell["cell_type"] == "code"]
RUNNER = """
import ast, json, sys
names = {"__name__": "__main__"}
for number, cell in enumerate(json.load(sys.stdin)):
    tree = ast.parse(cell)
    last = tree.body.pop() if isinstance(tree.body[-1], ast.Expr) else None
    exec(compile(tree, f"cell {number}", "exec"), names)
    if last:
        value = eval(compile(ast.Expression(last.value), f"cell {number}", "eval"), names)
        for show in ("_repr_png_", "_repr_html_", "_repr_markdown_"):
            if hasattr(value, show):
                assert getattr(value, show)()
        print(repr(value))
"""
"""Runs cells as Jupyter would: in order, in one namespace, each ending with the value of its last line."""


def test_it_runs_from_nothing_and_leaves_a_figure_and_a_table(project_copy, made_database):
    shutil.copy(made_database, project_copy / "mlflow.db")
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("MLFLOW_", "HYDRA_"))}
    done = subprocess.run(
        [sys.executable, "-W", "error::DeprecationWarning:__main__", "-c", RUNNER],
        input=json.dumps(["".join(cell["source"]) for cell in CODE]),
        cwd=project_copy, env=environment, capture_output=True, text=True, check=False, timeout=300,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "4 jobs, all finished." in done.stdout
    assert "annot be claimed: smoke-pca_on-small-s0 over smoke-pca_on-linear-s0" in done.stdout
    written = project_copy / "outputs" / "tutorial"
    assert (written / "scores.pdf").read_bytes().startswith(b"%PDF")
    table = (written / "scores.tex").read_text(encoding="utf-8")
    assert table in done.stdout
    assert "made-up clips" in table


def test_what_is_kept_in_it_is_of_one_execution_that_went_well():
    assert len(CODE) > 8
    assert [cell["execution_count"] for cell in CODE] == list(range(1, len(CODE) + 1))
    outputs = [output for cell in CODE for output in cell["outputs"]]
    assert {"stream", "execute_result"} == {output["output_type"] for output in outputs}
    assert not [output for output in outputs if output.get("name") == "stderr"]
    assert sum("image/png" in output.get("data", {}) for output in outputs) == 3


def test_it_is_small_says_what_is_made_up_and_tells_of_no_machine():
    text = NOTEBOOK.read_text(encoding="utf-8")
    assert len(text) < 300_000
    assert "made up" in "".join(CELLS[0]["source"])
    # Once in the words, and in every table and figure.
    assert text.count("made up") + text.count("made-up") > 8
    for word in ("/home/", "/tmp/", "/root/", "/Users/"):
        assert word not in text
