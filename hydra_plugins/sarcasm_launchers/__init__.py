"""Launchers of Hydra's: where the jobs of a sweep run. conf/hydra/launcher/ picks and explains them.

Hydra takes plugins from the namespace `hydra_plugins` alone, and imports every module in it, but those that begin with
an underscore, at each start: nothing heavy is imported at the top of any.
"""
