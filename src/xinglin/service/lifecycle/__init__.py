"""Mechanisms of the data's life: collection, storage, processing, transmission, exchange, erasure.

Decisions come in as arguments: nothing here knows who may do what.
"""
