"""The demonstration: pictures drawn here, taken through everything a user's own files go through."""
