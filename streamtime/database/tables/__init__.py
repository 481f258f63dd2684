"""The tables, by subject. docs/data-model.md describes the rows.

Variables have the current names; stored names do not change: docs/glossary.md.
"""
