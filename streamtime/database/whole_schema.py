"""All tables together, for what compares them with a database or changes it to have them."""

from streamtime.database import people_tables, tables

PARTS = (people_tables, tables)
"""Each writes its tables into the one catalogue when it is imported."""

metadata = tables.metadata
