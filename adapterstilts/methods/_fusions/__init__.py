"""Fusions: how frozen modules that were trained apart are put together by training. One file a way, as of methods.

`attach` finds its members, frozen and active, on the encoder; to `activate` they are named before the fusion itself.
"""
