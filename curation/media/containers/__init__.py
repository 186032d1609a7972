"""The bytes around the pixels: reading sizes before anything is decoded, dropping what is not pixels.

Each module reads one format and answers with the same `Container`. Nothing here decodes: the compressed
pixels are copied as they are, so a cleaned file shows bit for bit the same picture.
"""
