"""Rows that are not one example each: one file a way of making them so.

Each takes a task, a language and the table as the Hub holds it, and returns a table with the columns that the task
declares, one row an example, of that language alone.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from adapterstilts.registry import Catalog
from adapterstilts.tasks import Task

Reshape = Callable[[Task, str, Any], Any]

reshapes: Catalog[Reshape] = Catalog("adapterstilts.data.reshaping", "RESHAPE", "reshaping")
