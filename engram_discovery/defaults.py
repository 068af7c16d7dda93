"""Every duration and limit of the host on one page, with the trade-off of each.

A value that an operator needs is a setting instead (``settings/models.py``), and its default stands there.
Durations are seconds, sizes are bytes unless the name says otherwise. The model of this page is memberlist's
``config.go``.
"""

from __future__ import annotations

# --- runtime: guarded calls, back-off, supervisors, failure log ----------------------------------------------

# --- network: resolver, probes -------------------------------------------------------------------------------

# --- settings: files, environment, secrets -------------------------------------------------------------------

# --- host: loading plugins and calling hooks -----------------------------------------------------------------

# --- sources: polling, watching, validation, peer cache ------------------------------------------------------

# --- joining: fan-out, healing -------------------------------------------------------------------------------

# --- membership: the gossip engine ---------------------------------------------------------------------------

# --- registration --------------------------------------------------------------------------------------------

# --- health --------------------------------------------------------------------------------------------------

# --- node: start, node-id conflict, close --------------------------------------------------------------------

# --- http and metrics ----------------------------------------------------------------------------------------

# --- cli -----------------------------------------------------------------------------------------------------
