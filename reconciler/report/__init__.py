"""How is what the product knows told to people and to other programs?

Sentences, tables and documents made from values. Nothing here reads a tenant, decides anything or
exits. Whatever comes from a tenant or from a file passes through `sanitize` before it is shown.
"""
