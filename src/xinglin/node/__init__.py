"""The composition root: settings and a home become a running node. The only place that builds concrete parts (D2).

Here: homes, how they are founded, opened, run and verified. ``records``: a home's records joined with its chains.
``office``: what people do there. ``consortium``: a home among others on CometBFT. ``membership``: joining and leaving.
``remote``: clients of other nodes. ``network_tool``: whole networks on one machine.
"""
