"""What does an administrator want to know of a tenant, besides what would change in it?

One module per question: which users, which seats, why a licence, what can still be saved. Pure answers
from the states and the facts, through planning's own Context, so that they can't differ from a plan's.
Nothing here is printed, worded, or decided.
"""
