"""Figures over time: on which report something changed. Pure but for ``store``, its cache.

``entries`` has what is kept of a report, ``change_points`` the statistics of one series,
``history`` the series of cells, targets and machine put together.
"""
