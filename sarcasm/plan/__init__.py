"""What a sweep would do, before it does it."""

from sarcasm.plan.jobs import Job, Plan, plan
from sarcasm.plan.terminal import say

__all__ = ["Job", "Plan", "plan", "say"]
