"""Optuna as a sweeper of Hydra's: conf/hydra/sweeper/optuna.yaml picks and explains it."""
