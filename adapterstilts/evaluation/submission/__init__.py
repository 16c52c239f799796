"""XTREME's submission layout: a folder a task, in it `test-<language>.tsv`, .json or .jsonl; scored and written."""
