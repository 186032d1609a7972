"""Importing: what people bring becomes prompts, samples and judgements, once, however often it is brought."""

from curation.actions.importing.options import Options, for_path, look_workspace, remove, upload_folder, workspace_of
from curation.actions.importing.rehearsal import thumbnail_path
from curation.actions.importing.running import create, nothing_came, run, tidy
from curation.actions.importing.state import COUNTED, Run

__all__ = [
    "COUNTED", "Options", "Run", "create", "for_path", "look_workspace", "nothing_came", "remove", "run",
    "thumbnail_path", "tidy", "upload_folder", "workspace_of",
]  # fmt: skip
